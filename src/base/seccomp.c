/* SPDX-License-Identifier: ISC */
/*
 * Rules about system calls, made a program: a search for the call by halves,
 * the answers, and the checks of arguments.
 */
#include "config.h"

#include <sys/prctl.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/calls.h"
#include "base/limits.h"
#include "base/seccomp.h"

#if defined(HAVE_LINUX_SECCOMP_H) && defined(HAVE_LINUX_FILTER_H) && \
    defined(SECCOMP_PROCESSOR)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define DATA(field) offsetof(struct seccomp_data, field)

_Static_assert((SECCOMP_LOW(2) & ~7) == DATA(args[2]),
    "the kernel's arguments");

/* How each program begins. */
static const struct sock_filter begin[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_PROCESSOR, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
};

/* From CHECK on an answer is the row of checks that the call's begin at. */
enum { KILL, REFUSE, ALLOW, CHECK };

/* Between the search and the checks. */
static const struct sock_filter answers[] = {
	[KILL] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	[REFUSE] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	[ALLOW] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

_Static_assert(UINT8_MAX + 4 * LIMITS_CHECKS <= LIMITS_FILTER,
    "a search, and of each check two instructions and two answers");

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BEGIN COUNT(begin)

/* Calls that follow each other, from ${first} on, and are answered alike. */
struct run {
	uint16_t first, answer;
};

struct plan {
	const struct seccomp_rules *rules;
	unsigned role;
	uint32_t given;
	size_t n;		/* instructions */
	size_t to[CHECK + LIMITS_CHECKS];	/* where an answer begins */
	struct sock_filter filter[LIMITS_FILTER];
};

/* How the arguments of ${call} are looked at: ALLOW, or from CHECK on. */
static unsigned
answer_of(const struct plan *plan, unsigned call)
{
	const struct seccomp_check *checks = plan->rules->checks;

	for (unsigned i = 0; i < plan->rules->checks_n; i++)
		if (checks[i].call == call &&
		    (checks[i].roles & plan->role) != 0)
			return CHECK + i;
	return ALLOW;
}

/* What ${call} of ${n} ${calls} is for this role: ${answer} in ${all}. */
static void
mark(const struct plan *plan, uint8_t *all, const struct seccomp_call *calls,
    size_t n, unsigned answer)
{
	for (size_t i = 0; i < n; i++)
		if ((calls[i].roles & plan->role) != 0)
			all[calls[i].call] = (uint8_t)(answer != ALLOW ?
			    answer : answer_of(plan, calls[i].call));
}

/* The calls of ${list} kill. */
static void
mark_list(const struct plan *plan, uint8_t *all,
    const struct seccomp_list *list)
{
	if ((list->roles & plan->role) != 0)
		for (const uint16_t *call = list->calls; *call != CALLS_END;
		    call++)
			all[*call] = KILL;
}

/* Fill ${runs}, in their order.  Returns how many they are. */
static size_t
fill(const struct plan *plan, struct run *runs)
{
	const struct seccomp_rules *rules = plan->rules;
	unsigned others = (rules->open & plan->role) != 0 ? ALLOW :
	    (rules->lenient & plan->role) != 0 ? REFUSE : KILL;
	uint8_t all[LIMITS_CALLS + 1];
	size_t n = 0;

	memset(all, (int)others, sizeof(all));
	/* Numbers that no call has are those of other kinds of calls. */
	all[LIMITS_CALLS] = KILL;
	for (size_t i = 0; i < rules->fatal_n; i++)
		mark_list(plan, all, &rules->fatal[i]);
	mark(plan, all, rules->refused, rules->refused_n, REFUSE);
	mark(plan, all, rules->allowed, rules->allowed_n, ALLOW);
	for (unsigned i = 0; i <= LIMITS_CALLS; i++)
		if (n == 0 || all[i] != runs[n - 1].answer)
			runs[n++] = (struct run){ (uint16_t)i, all[i] };
	return n;
}

/* Make the two instructions of ${check} at ${filter}: over how many more it
 * goes if it fits, and if it does not. */
static void
add_check(const struct plan *plan, struct sock_filter *filter,
    const struct seccomp_check *check, uint8_t good, uint8_t bad)
{
	uint32_t value = check->value == SECCOMP_GIVEN ? plan->given :
	    check->value;
	bool yes = check->how == SECCOMP_IS;
	uint16_t test = check->how == SECCOMP_LACKS ? BPF_JSET : BPF_JEQ;

	filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    check->at);
	filter[1] = (struct sock_filter){ BPF_JMP | test | BPF_K,
	    yes ? good : bad, yes ? bad : good, value };
}

/* Add the rows of checks from ${row} on that are of its call, two instructions
 * each, and then what follows if all arguments fit or one does not. */
static void
add_checks(struct plan *plan, size_t row)
{
	struct sock_filter *filter = plan->filter + plan->n;
	const struct seccomp_check *check = plan->rules->checks + row;
	bool lenient = (plan->rules->lenient & plan->role) != 0;
	size_t n = 0, next;

	while (row + n < plan->rules->checks_n &&
	    check[n].call == check->call &&
	    (check[n].roles & check->roles) == check->roles)
		n++;
	for (size_t i = 0; i < n; i++) {
		uint8_t bad = (uint8_t)(2 * (n - i) - 1);

		for (next = i + 1; next < n && check[i].how == SECCOMP_IS &&
		    check[next].at == check[i].at; )
			next++;
		if (next > i + 1)
			bad = 0;
		add_check(plan, filter + 2 * i, &check[i],
		    (uint8_t)(2 * (next - i) - 2), bad);
	}
	filter[2 * n] = answers[ALLOW];
	filter[2 * n + 1] = answers[lenient ? REFUSE : KILL];
	plan->n += 2 * n + 2;
}

/* Add the search for a call among the ${n} ${runs}, by halves.  The shorter it
 * is, the less has the kernel to do, which compiles the program and runs it
 * once for each call there is.  Checks may be far away: one more instruction
 * leads there.  Returns where the search begins. */
static size_t
add(struct plan *plan, const struct run *runs, size_t n)
{
	size_t at = plan->n, half = n / 2, below, above;

	if (n == 1 && runs->answer < CHECK)
		return plan->to[runs->answer];
	plan->n++;
	if (n == 1) {
		plan->filter[at] = (struct sock_filter)BPF_STMT(
		    BPF_JMP | BPF_JA,
		    (uint32_t)(plan->to[runs->answer] - at - 1));
		return at;
	}
	below = add(plan, runs, half);
	above = add(plan, runs + half, n - half);
	plan->filter[at] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGE | BPF_K, runs[half].first,
	    (uint8_t)(above - at - 1), (uint8_t)(below - at - 1));
	return at;
}

/* Make the program.  Returns 0, or -1 with errno. */
static int
make(struct plan *plan)
{
	struct run runs[LIMITS_CALLS + 1];
	size_t n = fill(plan, runs), end = BEGIN + n - 1;

	for (size_t i = 0; i < n; i++)
		end += runs[i].answer >= CHECK;
	/* A search leads no farther than an octet can count. */
	if (end + COUNT(answers) > UINT8_MAX ||
	    plan->rules->checks_n > LIMITS_CHECKS) {
		errno = E2BIG;
		return -1;
	}
	memcpy(plan->filter, begin, sizeof(begin));
	memcpy(plan->filter + end, answers, sizeof(answers));
	for (size_t i = KILL; i <= ALLOW; i++)
		plan->to[i] = end + i;
	plan->n = end + COUNT(answers);
	for (size_t i = 0; i < n; i++)
		if (runs[i].answer >= CHECK) {
			plan->to[runs[i].answer] = plan->n;
			add_checks(plan, runs[i].answer - CHECK);
		}
	end = plan->n;
	plan->n = BEGIN;
	(void)add(plan, runs, n);
	plan->n = end;
	return 0;
}

int
seccomp_install(const struct seccomp_rules *rules, uint16_t role,
    uint32_t given)
{
	struct plan plan;
	struct sock_fprog program = { .filter = plan.filter };

	/* Not its program: it is large. */
	plan.rules = rules;
	plan.role = role;
	plan.given = given;
	if (make(&plan) == -1)
		return -1;
	program.len = (unsigned short)plan.n;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -1 :
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
int
seccomp_install(const struct seccomp_rules *rules, uint16_t role,
    uint32_t given)
{
	(void)rules;
	(void)role;
	(void)given;
	errno = ENOTSUP;
	return -1;
}
#endif
