/* SPDX-License-Identifier: ISC */
/*
 * What libFuzzer calls: the target that the environment names in FUZZ_TARGET.
 */
#include "config.h"

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static fuzz_target *target;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	target = name == NULL ? NULL : fuzz_find(name);
	FUZZ_CHECK(target != NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	(void)fuzz_calls();
	target((struct span){ (const char *)octets, n });
	return 0;
}
