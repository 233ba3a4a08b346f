/* SPDX-License-Identifier: ISC */
/*
 * Every number of dewey in one place: its unit, its reason, and the section
 * of the RFC it comes from.  No other file holds a bare number.
 */
#ifndef LIMITS_H
#define LIMITS_H

/* RFC 2449 s4: a command is at most 255 octets, its CR LF included. */
#define LIMITS_COMMAND 255

/* Octets of a line in the exchange of AUTH, its CR LF included: RFC 5034 s4
 * wants room for any mechanism, RFC 4954 s4 says how much that is. */
#define LIMITS_EXCHANGE 12288

/* Octets of a password, a digest or a mechanism's message, and of a challenge,
 * that processes tell each other. */
#define LIMITS_CREDENTIAL 1024

/* Octets of input held at once, more than LIMITS_COMMAND: hundreds of commands
 * fit, and what is unread at login fits one message to the next process. */
#define LIMITS_INPUT 2048

/* Octets of output gathered before they are written. */
#define LIMITS_OUTPUT 131072

/* Octets of a message for which output is not written to make room: for fewer
 * the room that is left is not worth filling. */
#define LIMITS_OUTPUT_LEAST 4096

/* Octets of the name that /proc has for a descriptor, and its NUL. */
#define LIMITS_FD_PATH 32

/* Octets of a pipe that poll(2) promises can be written without blocking
 * (PIPE_BUF); longer writes to anything but a socket are cut to this. */
#define LIMITS_PIPE_WRITE 4096

/* Octets of the mailbox read at once, for scanning, hashing and sending: few
 * enough for a processor's own cache. */
#define LIMITS_BLOCK 262144

/* Octets looked at together: a bit of a 64-bit number for each of them. */
#define LIMITS_LOOK 64

/* RFC 1939 s7: a unique-id has 1 to 70 characters.  Ours: 18 octets of a
 * digest are 24 characters of base64; "-" and ten digits tell copies apart. */
#define LIMITS_UID_OCTETS 18
#define LIMITS_UID_TEXT 24
#define LIMITS_UID_MAX 70

/* Octets of all adopted unique-ids of a mailbox at most: three million. */
#define LIMITS_ADOPTED_OCTETS 268435456u

/* Octets of a header line that tell its field: of those that an
 * id leaves out X-Mozilla-Status2 has the longest name. */
#define LIMITS_FIELD 25

/* Octets of a word in a From_ line that are kept: a longer one is no part of a
 * date, as 2024-01-01T00:00:00+00:00 is. */
#define LIMITS_FROM_WORD 25

/* Octets of a header in which Content-Length is looked for: more than any mail
 * server lets pass. */
#define LIMITS_HEADER 65536

/* Octets of a user name that can be a maildrop, and of one that is echoed. */
#define LIMITS_NAME 64

/* Octets of a line in a users, secrets, allow, deny or configuration file;
 * those of such a file that are read at once: several lines. */
#define LIMITS_RECORD 1024
#define LIMITS_RECORDS 4096

/* Octets of a client's address as text, NUL included: IPv6 takes 46. */
#define LIMITS_PEER 64

/* Octets of an address of IPv6, the longest. */
#define LIMITS_ADDRESS 16

/* Of the PROXY protocol: octets of a line with its end, which is its own limit
 * (s2.1); octets of a header of version 2, for one as long arrives in one piece
 * everywhere (s2.2); milliseconds that a front end may take for it. */
#define LIMITS_PROXY_LINE 107
#define LIMITS_PROXY 536
#define LIMITS_PROXY_MS 5000

/* Octets of a path name made from the mailbox template. */
#define LIMITS_PATH 1024

/* Octets of a line in the log; what is longer is cut. */
#define LIMITS_LOG (LIMITS_PATH + 512)

/* Octets of what stands before the text of a line: the priority, the time, and
 * which process speaks. */
#define LIMITS_LOG_HEAD 64

/* Octets of the lines that are held while a lock is: one fits, however long. */
#define LIMITS_LOG_HELD 8192

/* Milliseconds that a process waits in all for the reader of the log; its first
 * pause between two tries to write a line, and its longest one. */
#define LIMITS_LOG_MS 1000
#define LIMITS_LOG_FIRST_MS 1
#define LIMITS_LOG_PAUSE_MS 16

/* Octets of a reply line, CR LF included (RFC 2449 s4: 512). */
#define LIMITS_REPLY 512

/* Octets of the host name in the greeting and the farewell. */
#define LIMITS_HOST 255

/* Octets of the APOP timestamp: <random.random@host> (RFC 1939 s7). */
#define LIMITS_TIMESTAMP (LIMITS_HOST + 80)

/* RFC 1939 s7: the digest is 16 octets sent as 32 lower-case hex digits. */
#define LIMITS_DIGEST 32

/* Octets of the salt of a stored key of SCRAM; ours has 16. */
#define LIMITS_SALT 64
#define LIMITS_SALT_OURS 16

/* Iterations of a stored key: RFC 7677 s4 wants 4,096 at least; a million take
 * a client, and a server that is sent the password, half a second. */
#define LIMITS_ITERATIONS_LEAST 4096
#define LIMITS_ITERATIONS_MOST 1000000

/* saslauthd: octets of a string that it is asked, and of its answer, its own
 * limits; milliseconds that it may take: LDAP waits for a server for 10 s. */
#define LIMITS_SASLAUTHD 256
#define LIMITS_SASLAUTHD_ANSWER 1024
#define LIMITS_SASLAUTHD_MS 30000

/* Octets of a client's nonce in SCRAM, and random octets of ours. */
#define LIMITS_NONCE 512
#define LIMITS_NONCE_OURS 18

/* Failed logins before the session is closed. */
#define LIMITS_TRIES 3

/* Unknown or malformed lines in a row before the session is closed: clients try
 * old commands between those that work. */
#define LIMITS_BAD_COMMANDS 20

/* Whole lines before login: a client needs five or so, and nobody may
 * have a server talk for nothing. */
#define LIMITS_LOGIN_LINES 100

/* How long recv(2) may keep a signal from ending a session. */
#define LIMITS_PATIENCE_MS 50

/* Input read and dropped after the last reply over TCP, so that a reset does
 * not take that reply away: at most this long and this much. */
#define LIMITS_LINGER_MS 1000
#define LIMITS_LINGER_OCTETS 65536

/* Octets of all texts of the options; of what is said of a mistake in them. */
#define LIMITS_OPTIONS 8192
#define LIMITS_COMPLAINT 512

/* Octets of a key of the configuration file that a complaint quotes. */
#define LIMITS_KEY 64

/* Octets in which a name at most differs from the one that was meant: a letter
 * too much, too few or wrong, or two that changed places. */
#define LIMITS_TYPING 2

/* Seconds of any option at most: a day. */
#define LIMITS_SECONDS 86400

/* Seconds of a day, milliseconds of a second. */
#define LIMITS_DAY_S 86400
#define LIMITS_SECOND_MS 1000

/* Seconds: RFC 1939 s3 wants an inactivity timer of at least 10 minutes. */
#define LIMITS_IDLE_LEAST 600

/* Milliseconds: first pause between tries (lock, saslauthd); the longest. */
#define LIMITS_LOCK_FIRST_MS 10
#define LIMITS_LOCK_PAUSE_MS 250

/* Milliseconds that a file server has to give back a lease on the mailbox, for
 * which it asks a client of its own. */
#define LIMITS_LEASE_MS 5000

/* Times the mailbox may be replaced while its locks are waited for: a program
 * that rewrites it does so once in a while. */
#define LIMITS_LOCK_TRIES 10

/* Seconds after which a dot-lock that nobody touches is stale; how often a
 * long holder touches its own. */
#define LIMITS_DOTLOCK_STALE_S 300
#define LIMITS_DOTLOCK_TOUCH_S 60

/* Times that a sidecar is opened because its name leads to another file by the
 * time it is locked: only an administrator who removes it makes that happen. */
#define LIMITS_SIDECAR_TRIES 5

/* Octets that are read of a file in /proc: its name in /proc/PID/stat, in which
 * a process's start is the 22nd word, has 15, each number at most 20.  Octets
 * of a short name: of such a file, of a boot, of a pid namespace. */
#define LIMITS_PROC_TEXT 1024
#define LIMITS_PROC_NAME 64

/* Octets of the text in a dot-lock of ours. */
#define LIMITS_DOTLOCK_TEXT 512

/* A time stamp can be told from a later one if it is older than this when the
 * scan begins: a local file system that keeps nanoseconds stamps with the
 * kernel's tick (at most 10 ms), any other within 2 s (FAT's grain). */
#define LIMITS_TICK_NS 20000000
#define LIMITS_SETTLED_S 2

/* Messages for which memory is taken at first: 3 KiB.  It is doubled when they
 * are more. */
#define LIMITS_LIST 64

/* Octets of a mailbox from which on its index is cached: reading and hashing
 * it costs more than the cache then. */
#define LIMITS_CACHED_LEAST 16384

/* Messages of a cached index whose begin is looked at if the mailbox grew. */
#define LIMITS_SAMPLES 64

/* Octets that are read to look at one; of a From_ line, at least. */
#define LIMITS_SAMPLE 512
#define LIMITS_FROM_LEAST 20

/* Octets of a line of a mailbox that --list and --check show: a terminal's, and
 * some.  Lines of a file that --check-config names one by one: a screenful. */
#define LIMITS_SHOWN 200
#define LIMITS_NAMED 20

/* Octets of one step of UPDATE that the journal holds: fewer, larger steps
 * need fewer fsyncs, and as much space twice.  Less when space is short, but
 * never less than a page. */
#define LIMITS_WINDOW 8388608
#define LIMITS_WINDOW_LEAST 4096

/* Octets that a short UPDATE moves at most: those that it also saves, so that
 * it needs fewer syncs, are written in less time than one of these takes. */
#define LIMITS_SHORT 1048576

/* Seconds after which a change of a file is on the disk though nobody synced
 * it: file systems wait for less than a minute. */
#define LIMITS_WRITTEN_S 3600

/* Octets of a step at most, whatever --journal-window says: twice as much is
 * what a login may have to read of a journal. */
#define LIMITS_WINDOW_MOST 1073741824

/* Octets that are kept of a journal without a plan: enough to see what it was,
 * little enough for a directory that is root's. */
#define LIMITS_ASIDE 1048576

/* Mailboxes that --recover works on at the same time; seconds for each: less
 * than a boot waits, more than the largest window and a lock need. */
#define LIMITS_RECOVER_AT_ONCE 8
#define LIMITS_RECOVER_S 120

/* Octets that a plan may have, two million runs, even if the mailbox has become
 * too short since to need so many. */
#define LIMITS_PLAN 67108864

/* Octets of a run in a plan at most: two numbers of up to ten octets and a
 * hash of eight.  Octets of the shortest run: "From ".  Octets of a run's first
 * line that are hashed at most: more than any From_ line has. */
#define LIMITS_RUN 28
#define LIMITS_RUN_LEAST 5
#define LIMITS_RUN_LINE 256

/* Octets of a page of a file: each slot of a journal begins one, so that a torn
 * write of one does not reach the other; so do the records of an index.  It
 * cannot be changed: it is part of the formats. */
#define LIMITS_PAGE 4096ul

/* Octets of a step that are moved and hashed at once, at most a block.  It
 * cannot be changed: hashes in the journals of older versions depend on it. */
#define LIMITS_PIECE 131072

/* Octets of the mailbox that the journal hashes to know it again. */
#define LIMITS_JOURNAL_PROBE 512

/* Octets of a message between processes: a question, or a user and a home,
 * with the unread input. */
#define LIMITS_MESSAGE (LIMITS_INPUT + LIMITS_PATH + 3 * LIMITS_COMMAND)

/* Nanoseconds between two tries to signal a process that is just beginning. */
#define LIMITS_MOMENT_NS 1000000

/* Milliseconds that a gate may live on when its time is over. */
#define LIMITS_GRACE_MS 5000

/* The ids of nobody, where passwd(5) has no such account. */
#define LIMITS_NOBODY 65534

/* Octets of the value of tls-exporter (RFC 9266 s4). */
#define LIMITS_BINDING 32

/* UCSPI-TLS: octets of a value that is kept of what is told of a handshake (the
 * longest is 32 octets in hex), of a string, of all; the largest number of a
 * descriptor. */
#define LIMITS_UCSPI 65
#define LIMITS_UCSPI_STRING 256
#define LIMITS_UCSPI_NEWS 1048576
#define LIMITS_UCSPI_FD 1048575

/* Octets of a file with a certificate, those that lead to it, or a key; how
 * many certificates. */
#define LIMITS_PEM 65536
#define LIMITS_CHAIN 10

/* Octets of the messages of a handshake that are kept for the signature: a
 * ClientHello may have 16 KiB, our certificates as much as their file. */
#define LIMITS_TRANSCRIPT 131072

/* Days before its end from which on a certificate should have been renewed:
 * programs that do it have tried for weeks then. */
#define LIMITS_RENEW_DAYS 14

/* Signatures that a session may have: one, and one more after a client has
 * changed its mind. */
#define LIMITS_SIGNATURES 2

/* Warnings of a client that a handshake goes on after. */
#define LIMITS_TLS_WARNINGS 10

/* RFC 8446 s5.1: octets of a record at most.  Octets that are read of a program
 * at once, four records; and the room for these with what TLS adds. */
#define LIMITS_TLS_RECORD 16384
#define LIMITS_TLS_READ 65536
#define LIMITS_TLS_OUTPUT 69632

/* Users whom a judge may find; questions a gate may ask, answered or not, of
 * which a line takes a few; how often a judge may try to reach saslauthd. */
#define LIMITS_FOUND LIMITS_LOGIN_LINES
#define LIMITS_QUESTIONS (4 * LIMITS_LOGIN_LINES)

/* Numbers of system calls: those from here on no processor of ours uses. */
#define LIMITS_CALLS 512

/* Rows about their arguments; instructions of a program made of all that: a
 * search that an octet can count, and four for each row. */
#define LIMITS_CHECKS 96
#define LIMITS_FILTER 640

/* Open files of a closed process: those it has, and a few. */
#define LIMITS_FILES 32

#endif
