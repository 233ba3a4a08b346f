/* SPDX-License-Identifier: ISC */
/*
 * Managing the users and secrets files.  A session that reads such a file finds
 * the old one or the new one, each of them whole: the new one is written beside
 * the old one, synced, and renamed over it.
 */
#include "config.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/span.h"
#include "settings/options.h"
#include "tool/manage.h"
#include "tool/prompt.h"
#include "who/login.h"
#include "who/scram.h"
#include "who/users.h"

/* A file being rewritten. */
struct edit {
	const char *path;
	char beside[LIMITS_PATH];	/* the new file */
	FILE *old;		/* NULL: there was none */
	FILE *new;
};

static int
complain(const char *what, const char *why)
{
	(void)fprintf(stderr, "dewey: %s: %s\n", what, why);
	return -1;
}

/* Make the directories of ${path} that are missing. */
static void
make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
}

/* Open the old file, if there is one, and make the new one with its owner and
 * mode. */
static int
open_files(struct edit *edit)
{
	struct stat st = { .st_mode = S_IRUSR | S_IWUSR };
	int new, old = open(edit->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);

	if (old == -1 && errno != ENOENT)
		return complain(edit->path, errno == ELOOP ?
		    "is a symbolic link: name the file itself" :
		    strerror(errno));
	if (old != -1 && (edit->old = fdopen(old, "r")) == NULL)
		return complain(edit->path, strerror(errno));
	if (old != -1 && (fstat(old, &st) == -1 || !S_ISREG(st.st_mode)))
		return complain(edit->path, "is not a regular file");
	new = open(edit->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	if (new == -1 || (edit->new = fdopen(new, "w")) == NULL)
		return complain(edit->beside, errno == EEXIST ?
		    "exists: somebody is editing the file now, or could not "
		    "finish: then remove it" : strerror(errno));
	if (old != -1 && (fchown(new, st.st_uid, st.st_gid) == -1 ||
	    fchmod(new, st.st_mode & 07777) == -1))
		(void)complain(edit->beside, strerror(errno));
	return 0;
}

static int
begin_edit(struct edit *edit, const char *path)
{
	*edit = (struct edit){ .path = path };
	if (snprintf(edit->beside, sizeof(edit->beside), "%s.new", path) >=
	    (int)sizeof(edit->beside))
		return complain(path, "the name is too long");
	make_directories(edit->beside);
	if (open_files(edit) == 0)
		return 0;
	if (edit->old != NULL)
		(void)fclose(edit->old);
	return -1;
}

/* Put the new file in place of the old one, or with ${keep} false drop it. */
static int
end_edit(struct edit *edit, bool keep)
{
	char *slash = strrchr(edit->beside, '/');
	bool done = keep && fflush(edit->new) == 0 &&
	    fsync(fileno(edit->new)) == 0;
	int dir;

	if (edit->old != NULL)
		(void)fclose(edit->old);
	done = fclose(edit->new) == 0 && done && renameat(AT_FDCWD,
	    edit->beside, AT_FDCWD, edit->path) == 0;
	if (!done) {
		if (keep)
			(void)complain(edit->path, strerror(errno));
		(void)unlinkat(AT_FDCWD, edit->beside, 0);
	} else if (slash != NULL) {
		slash[1] = '\0';
		dir = open(edit->beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)fsync(dir);
		(void)close(dir);
	}
	return done ? 0 : -1;
}

/* Write ${text}, whatever it holds, and the line's end. */
static void
put(const struct edit *edit, struct span text)
{
	if (text.n > 0)
		(void)fwrite(text.p, 1, text.n, edit->new);
	(void)fputc('\n', edit->new);
}

/*
 * Copy the old file to the new one with the first line of ${name} changed: the
 * field behind the name becomes ${value}, or with ${whole} all that is behind
 * the name.  ${value} NULL removes every line of ${name}.  Returns 1 if there
 * was one, 0, or -1.
 */
static int
copy_lines(const struct edit *edit, const char *name, const char *value,
    bool whole)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int found = 0;

	if (edit->old == NULL)
		return 0;
	while ((n = getline(&line, &room, edit->old)) > 0) {
		struct span text = { line, (size_t)n }, rest, key;

		if (text.p[text.n - 1] == '\n')
			text.n--;
		rest = text;
		key = span_cut(&rest, ':');
		if (rest.p == NULL || line[0] == '#' ||
		    (found != 0 && value != NULL) ||
		    !span_equal(key, span_of(name))) {
			put(edit, text);
			continue;
		}
		found = 1;
		if (value == NULL)
			continue;
		(void)span_cut(&rest, ':');
		(void)fprintf(edit->new, "%s:%s%s", name, value,
		    !whole && rest.p != NULL ? ":" : "");
		put(edit, whole ? SPAN("") : rest);
	}
	if (line != NULL)
		span_wipe(line, room);
	free(line);
	return ferror(edit->old) || ferror(edit->new) ?
	    complain(edit->path, strerror(errno)) : found;
}

/* Change the line of ${name} in ${path}, or add one.  Returns as copy_lines. */
static int
change(const char *path, const char *name, const char *value, bool whole)
{
	struct edit edit;
	bool keep;
	int found;

	if (begin_edit(&edit, path) == -1)
		return -1;
	found = copy_lines(&edit, name, value, whole);
	keep = found == 1 || (found == 0 && value != NULL);
	if (keep && found == 0)
		(void)fprintf(edit.new, "%s:%s\n", name, value);
	return end_edit(&edit, keep) == -1 && keep ? -1 : found;
}

static int
check_name(const char *name)
{
	return users_can_be(span_of(name)) ? 0 : complain(name,
	    "cannot be a user's name: at most 64 octets, no blanks, controls, "
	    "`/' or `:', no dot or # in front");
}

static bool
is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

/* What is stored of ${password}: NULL if nothing can be.  A key is written to
 * ${room}. */
static const char *
make_hash(const struct options *options, const char *password,
    char room[SCRAM_TEXT])
{
	struct scram_key key = { .iterations = options->scram_iterations,
	    .salt_n = LIMITS_SALT_OURS };
	const char *salt, *made;

	if (!options->scram) {
		salt = crypt_gensalt("$y$", 0, NULL, 0);
		made = salt == NULL ? NULL : crypt(password, salt);
		return made == NULL || made[0] == '*' ? NULL : made;
	}
	if (getrandom(key.salt, key.salt_n, 0) != (ssize_t)key.salt_n)
		return NULL;
	if (!is_ascii(password))
		(void)fprintf(stderr, "dewey: this password is not all ASCII: "
		    "AUTH SCRAM-SHA-256 may fail for clients that write such "
		    "characters another way (RFC 4013)\n");
	scram_make(span_of(password), &key);
	scram_write(&key, room);
	span_wipe(&key, sizeof(key));
	return room;
}

/* Ask for ${what} of ${name} and put it, or with ${hashed} what --scheme wants
 * of it, into the file ${path}. */
static int
set(const char *path, const char *what, const char *name,
    const struct options *hashed)
{
	char text[LIMITS_COMMAND], room[SCRAM_TEXT];
	const char *value = text;
	int result = -1;

	if (check_name(name) == 0 &&
	    prompt_ask(what, text) == 0) {
		if (hashed != NULL)
			value = make_hash(hashed, text, room);
		result = value == NULL ? complain("crypt(3)",
		    "no hash can be made") :
		    change(path, name, value, hashed == NULL);
	}
	span_wipe(text, sizeof(text));
	return result == -1 ? -1 : 0;
}

int
manage_set_secret(const struct options *options, const char *name)
{
	char path[LIMITS_PATH];

	login_secrets_path(options, geteuid() == 0, path);
	if (path[0] == '\0')
		return complain("--set-secret", "--secrets names no file");
	if (set(path, "secret", name, NULL) == -1)
		return -1;
	if (options->apop_only)
		(void)printf("%s logs in by APOP now: with apop-only = yes a "
		    "password is refused\n", name);
	return 0;
}

static const char *
users_file(const struct options *options)
{
	return strcmp(options->users, "system") == 0 ? NULL : options->users;
}

int
manage_set_password(const struct options *options, const char *name)
{
	const char *path = users_file(options);

	return path == NULL ? complain("--set-password", "--users names no "
	    "file; for the system's accounts there is passwd(1)") :
	    set(path, "password", name, options);
}

int
manage_remove(const struct options *options, const char *name)
{
	char secrets[LIMITS_PATH];
	const char *paths[] = { users_file(options), secrets };
	int found = 0;

	login_secrets_path(options, geteuid() == 0, secrets);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		bool missing = paths[i] == NULL ||
		    (access(paths[i], F_OK) == -1 && errno == ENOENT);
		int removed = missing ? 0 : change(paths[i], name, NULL, false);

		if (removed == -1)
			return -1;
		found |= removed;
	}
	return found ? 0 : complain(name, "stands in neither file: "
	    "nothing to remove");
}
