/* SPDX-License-Identifier: ISC */
/*
 * The filter room: each closed process may make the calls that
 * tests/data/rights and rights-elsewhere have for it, with the arguments that
 * stand there, and no other.  The programs are not put in force here but played, for every number
 * of a call and for arguments near and far.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/unit.h"

#include "base/limits.h"
#include "rights/filter.h"

#if defined(__x86_64__) && defined(__LP64__)
#define HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LP64__)
#define HERE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && defined(__LP64__)
#define HERE AUDIT_ARCH_RISCV64
#elif defined(__i386__)
#define HERE AUDIT_ARCH_I386
#elif defined(__arm__)
#define HERE AUDIT_ARCH_ARM
#elif defined(__s390x__)
#define HERE AUDIT_ARCH_S390X
#endif

#if defined(HAVE_LINUX_SECCOMP_H) && defined(HAVE_LINUX_FILTER_H) && \
    defined(HERE)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>

/* Calls that this machine or its headers lack. */
#define NONE 0xffff
#ifndef __NR_poll
#define __NR_poll NONE
#define __NR_epoll_wait NONE
#define __NR_access NONE
#endif
#ifndef __NR_time
#define __NR_time NONE
#endif
#ifndef __NR_renameat
#define __NR_renameat NONE
#endif
#ifndef __NR_renameat2
#define __NR_renameat2 NONE
#endif
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset NONE
#define __NR_landlock_add_rule NONE
#define __NR_landlock_restrict_self NONE
#endif
/* Headers may be older; from 424 on all processors have the same numbers. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#define __NR_removexattrat 466
#endif
#ifndef __NR_file_setattr
#define __NR_file_setattr 469
#endif


/* The table has the names of 64-bit processors. */
#ifndef __LP64__
enum { OLD_FCNTL = __NR_fcntl };
#define __NR_fcntl_of_old OLD_FCNTL
#undef __NR_fcntl
#define __NR_fcntl __NR_fcntl64
#undef __NR_fstat
#define __NR_fstat __NR_fstat64
#undef __NR_newfstatat
#define __NR_newfstatat __NR_fstatat64
#undef __NR_ftruncate
#define __NR_ftruncate __NR_ftruncate64
#undef __NR_geteuid
#define __NR_geteuid __NR_geteuid32
#undef __NR_getuid
#define __NR_getuid __NR_getuid32
#undef __NR_getgid
#define __NR_getgid __NR_getgid32
#undef __NR_getegid
#define __NR_getegid __NR_getegid32
#undef __NR_lseek
#define __NR_lseek __NR__llseek
#undef __NR_mmap
#define __NR_mmap __NR_mmap2
#endif

#ifdef __NR_fstatfs64
#undef __NR_fstatfs
#define __NR_fstatfs __NR_fstatfs64
#undef __NR_statfs
#define __NR_statfs __NR_statfs64
#endif

/* Minus 4321. */
#define VICTIM 0xffffef1f

enum kind { MAY, ONLY, NEVER, BUT, FAILS, KILLS };

static const struct row {
	enum kind kind;
	unsigned call;
	const char *processes;
	unsigned argument;
	uint64_t value;
} rows[] = {
/* Of these other tests know. */
#define IS(letters, name, account, groups, capabilities)
#define HOLDS(letters, descriptors)
#define PATH(letters, directory, rights)
#define TCP(letters)
#define ABSTRACT(letters)
#define SIGNALS(letters)
#define MAY(call, processes) { MAY, __NR_##call, processes, 0, 0 },
#define ONLY(call, processes, argument, value) \
	{ ONLY, __NR_##call, processes, argument, value },
#define NEVER(call, processes, argument, value) \
	{ NEVER, __NR_##call, processes, argument, value },
#define BUT(call, processes, argument, value) \
	{ BUT, __NR_##call, processes, argument, value },
#define FAILS(call, processes) { FAILS, __NR_##call, processes, 0, 0 },
#define KILLS(call, processes) { KILLS, __NR_##call, processes, 0, 0 },
#include "data/rights"
#include "data/rights-elsewhere"
#undef MAY
#undef ONLY
#undef NEVER
#undef BUT
#undef FAILS
#undef KILLS
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
	enum filter_role role;
	char letter;
} processes[] = {
	{ FILTER_GATE, 'G' }, { FILTER_SESSION, 'S' }, { FILTER_KEEPER, 'K' },
	{ FILTER_WAITING, 'W' }, { FILTER_TLS, 'T' }, { FILTER_KEY, 'Y' },
	{ FILTER_JUDGE, 'J' }, { FILTER_JUDGE_LOCAL, 'L' },
	{ FILTER_JUDGE_NET, 'N' },
};

static struct sock_filter program[BPF_MAXINSNS];
static size_t length;

int __wrap_prctl(int option, ...);

/* What would have been put in force is kept. */
int
__wrap_prctl(int option, ...)
{
	const struct sock_fprog *made;
	va_list arguments;

	if (option != PR_SET_SECCOMP)
		return 0;
	va_start(arguments, option);
	(void)va_arg(arguments, unsigned long);
	made = va_arg(arguments, const struct sock_fprog *);
	va_end(arguments);
	length = made->len;
	memcpy(program, made->filter, length * sizeof(program[0]));
	return 0;
}

/* Play the program. */
static uint32_t
play(const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < length; at++) {
		const struct sock_filter *f = &program[at];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			at += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & f->k) != 0;
			break;
		default:
			fail_msg("an instruction of another kind");
		}
		at += yes ? f->jt : f->jf;
	}
	fail_msg("the program has no end");
	return 0;
}

/* On s390x the flags of clone(2) come second, and the arguments of mmap(2) are
 * in memory. */
#ifdef __s390x__
#define IS_ELSEWHERE(row) ((row)->call == __NR_clone)
#define IS_UNSEEN(row) ((row)->call == __NR_mmap)
#else
#define IS_ELSEWHERE(row) false
#define IS_UNSEEN(row) false
#endif

/* What the table says of arguments. */
static bool
fits(char letter, const struct seccomp_data *data)
{
	bool asked[6] = { false }, fit[6] = { false };

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		unsigned at = IS_ELSEWHERE(row) ? 1 : row->argument;
		uint64_t value = data->args[at];

		if ((int)row->call != data->nr || IS_UNSEEN(row) ||
		    strchr(row->processes, letter) == NULL)
			continue;
		if (row->call != __NR_sendto || row->argument != 4)
			value = (uint32_t)value;
		if (row->kind == BUT && value == row->value)
			return false;
		if (row->kind != ONLY && row->kind != NEVER)
			continue;
		asked[at] = true;
		if (row->kind == NEVER ? (value & row->value) == 0 :
		    value == row->value)
			fit[at] = true;
	}
	for (size_t i = 0; i < 6; i++)
		if (asked[i] && !fit[i])
			return false;
	return true;
}

/* What the table says of a call. */
static uint32_t
wanted(char letter, const struct seccomp_data *data)
{
	const uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
	uint32_t found = letter == 'N' ? SECCOMP_RET_ALLOW :
	    letter == 'L' ? refused : SECCOMP_RET_KILL_PROCESS;

	if (data->nr >= LIMITS_CALLS)
		return SECCOMP_RET_KILL_PROCESS;
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if ((int)row->call != data->nr ||
		    strchr(row->processes, letter) == NULL)
			continue;
		if (row->kind == MAY)
			found = SECCOMP_RET_ALLOW;
		else if (row->kind == FAILS)
			found = refused;
		else if (row->kind == KILLS)
			found = SECCOMP_RET_KILL_PROCESS;
	}
	if (found == SECCOMP_RET_ALLOW && !fits(letter, data))
		found = strchr("LN", letter) != NULL ? refused :
		    SECCOMP_RET_KILL_PROCESS;
	return found;
}

static void
compare(char letter, const struct seccomp_data *data)
{
	uint32_t is = play(data), must = wanted(letter, data);

	if (is != must)
		fail_msg("%c: call %d (%llx, %llx, %llx, %llx, %llx): %x "
		    "instead of %x", letter, data->nr,
		    (unsigned long long)data->args[0],
		    (unsigned long long)data->args[1],
		    (unsigned long long)data->args[2],
		    (unsigned long long)data->args[3],
		    (unsigned long long)data->args[4], is, must);
}

/* The next of the values that are tried for an argument: small ones, each bit
 * in each half, and all that the table has. */
static uint64_t
value_of(size_t i)
{
	if (i < 64)
		return i;
	if (i < 128)
		return (uint64_t)1 << (i - 64);
	return i < 128 + ROWS ? rows[i - 128].value : UINT64_MAX;
}

static void
only_what_the_table_has(void **state)
{
	const size_t values = 129 + ROWS;

	(void)state;
	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
		struct seccomp_data data = { .arch = HERE };
		char letter = processes[i].letter;

		assert_int_equal(filter_install(processes[i].role,
		    (int)VICTIM), 0);
		for (data.nr = 0; data.nr < 2048; data.nr++) {
			memset(data.args, 0, sizeof(data.args));
			compare(letter, &data);
			for (size_t a = 0; a < values; a++)
				for (size_t b = 0; b < 6; b++) {
					memset(data.args, 0, sizeof(data.args));
					data.args[b] = value_of(a);
					compare(letter, &data);
				}
		}
		/* Two arguments at a time, where any are looked at. */
		for (size_t r = 0; r < ROWS; r++) {
			if (rows[r].kind != ONLY)
				continue;
			data.nr = (int)rows[r].call;
			memset(data.args, 0, sizeof(data.args));
			data.args[rows[r].argument] = rows[r].value;
			for (size_t a = 0; a < values; a++)
				for (size_t b = 0; b < 6; b++) {
					uint64_t was = data.args[b];

					data.args[b] = value_of(a);
					compare(letter, &data);
					data.args[b] = was;
				}
		}
	}
}

static void
no_other_kind_of_call(void **state)
{
	const unsigned other = HERE == AUDIT_ARCH_I386 ? AUDIT_ARCH_X86_64 :
	    AUDIT_ARCH_I386;
	struct seccomp_data data = { .arch = other };

	(void)state;
	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
		assert_int_equal(filter_install(processes[i].role,
		    (int)VICTIM), 0);
		data.nr = __NR_exit_group;
		data.arch = other;
		assert_true(play(&data) == SECCOMP_RET_KILL_PROCESS);
		/* Those of x32. */
		data.arch = HERE;
		data.nr = 0x40000000 + __NR_exit_group;
		assert_true(play(&data) == SECCOMP_RET_KILL_PROCESS);
		data.nr = -1;
		assert_true(play(&data) == SECCOMP_RET_KILL_PROCESS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_table_has),
		cmocka_unit_test(no_other_kind_of_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int
main(void)
{
	(void)puts("1..0 # SKIP there is no filter for this processor");
	return 0;
}
#endif
