/* SPDX-License-Identifier: ISC */
/*
 * Lists of system calls, for filters.
 */
#include "config.h"

#include "base/calls.h"

/* Headers may be older; from 424 on all processors have the same numbers. */
enum {
	FCHMODAT2 = 452,
	SETXATTRAT = 463,
	REMOVEXATTRAT = 466,
	FILE_SETATTR = 469
};

const uint16_t calls_harmful[] = {
	__NR_execve,
	__NR_execveat,
	__NR_ptrace,
	__NR_process_vm_readv,
	__NR_process_vm_writev,
	__NR_kill,
	__NR_tkill,
	__NR_tgkill,
	__NR_rt_sigqueueinfo,
	__NR_rt_tgsigqueueinfo,
#ifdef __NR_pidfd_open
	__NR_pidfd_open,
	__NR_pidfd_send_signal,
#endif
#ifdef __NR_pidfd_getfd
	__NR_pidfd_getfd,
#endif
	__NR_setpriority,
	__NR_ioprio_set,
	__NR_sched_setparam,
	__NR_sched_setscheduler,
	__NR_sched_setattr,
	__NR_sched_setaffinity,
	__NR_migrate_pages,
	__NR_move_pages,
#ifdef __NR_open
	__NR_setrlimit,
#endif
	__NR_open_by_handle_at,
#ifdef __NR_openat2
	__NR_openat2,
#endif
	__NR_linkat,
	__NR_symlinkat,
	__NR_unlinkat,
	CALLS_RENAMEAT,
#ifdef __NR_renameat2
	__NR_renameat2,
#endif
	__NR_mkdirat,
	__NR_mknodat,
	__NR_truncate,
	__NR_fchmod,
	__NR_fchmodat,
	FCHMODAT2,
	FILE_SETATTR,
	__NR_fchown,
	__NR_fchownat,
	__NR_utimensat,
	__NR_setxattr,
	__NR_lsetxattr,
	__NR_fsetxattr,
	__NR_removexattr,
	__NR_lremovexattr,
	__NR_fremovexattr,
	SETXATTRAT,
	REMOVEXATTRAT,
	__NR_mq_open,
	__NR_mq_unlink,
#ifdef __NR_open
	__NR_open,
	__NR_creat,
	__NR_link,
	__NR_symlink,
	__NR_unlink,
	__NR_rename,
	__NR_mkdir,
	__NR_rmdir,
	__NR_mknod,
	__NR_chmod,
	__NR_chown,
	__NR_lchown,
	__NR_utimes,
	__NR_futimesat,
#endif
#ifdef __NR_utime
	__NR_utime,
#endif
#ifndef __LP64__
	__NR_chown32,
	__NR_fchown32,
	__NR_lchown32,
	__NR_truncate64,
	__NR_utimensat_time64,
#endif
	__NR_mount,
	__NR_umount2,
	__NR_chroot,
	__NR_pivot_root,
	__NR_unshare,
	__NR_setns,
	__NR_memfd_create,
	__NR_bpf,
	__NR_perf_event_open,
	__NR_userfaultfd,
	__NR_add_key,
	__NR_keyctl,
	__NR_request_key,
#ifdef __NR_io_uring_setup
	__NR_io_uring_setup,
#endif
	__NR_personality,
	CALLS_END
};

const uint16_t calls_serving[] = {
	__NR_bind,
	__NR_listen,
#ifdef __NR_accept
	__NR_accept,
#endif
	__NR_accept4,
	CALLS_END
};
