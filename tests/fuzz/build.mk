# SPDX-License-Identifier: ISC
# Builds ./fuzz: all rooms and all fuzz targets with libFuzzer and the
# sanitizers, apart from the objects of the program itself.  Called in a
# directory of its own with GNU make, srcdir= and builddir= (where config.h is).

CLANG = clang
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS = -g -O1 -fno-omit-frame-pointer $(SANITIZE) \
	-fsanitize=fuzzer-no-link
CPPFLAGS_ALL = -I$(builddir) -iquote $(srcdir)/src \
	-DSYSCONFDIR='"/etc"' -DLOCALSTATEDIR='"/var"' \
	-DLIBEXECDIR='"/usr/libexec"'

# Of dewey-tls the rooms that hear a process, if it is built.
tls = $(if $(shell grep 'define HAVE_GNUTLS' $(builddir)/config.h),key pem \
	signing)
LIBS = -lcrypt -lnettle $(if $(tls),-lgnutls)

rooms = $(tls) $(filter-out main,$(basename $(notdir \
	$(filter-out $(srcdir)/src/tls/%,$(wildcard $(srcdir)/src/*/*.c)))))
targets = $(filter-out replay, \
	$(basename $(notdir $(wildcard $(srcdir)/tests/fuzz/*.c))))
objects = $(rooms:%=room-%.o) $(targets:%=target-%.o)

fuzz: $(objects)
	$(CLANG) $(SANITIZE) -fsanitize=fuzzer -o $@ $(objects) $(LIBS)

vpath %.c $(wildcard $(srcdir)/src/*)

room-%.o: %.c
	$(CLANG) $(FUZZ_CFLAGS) $(CPPFLAGS_ALL) -MMD -c $< -o $@

target-%.o: $(srcdir)/tests/fuzz/%.c
	$(CLANG) $(FUZZ_CFLAGS) $(CPPFLAGS_ALL) -MMD -c $< -o $@

-include $(objects:.o=.d)
