#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Worlds at random: a mailbox, sessions, other programs, crashes.

  enemy.py SEED WORLDS

as an ordinary user.  A world has a mailbox of mails.py and some sessions one
after the other.  Their commands are in any order, in one piece or in many;
they end with QUIT, half of it, a cut connection, or a signal.  Between them
and in the middle of them other programs append, rewrite in place or by
rename, cut, or bring an older copy back.  Some sessions die at a call, or a
call of theirs fails (the shim of tests/crash/shim.c); then mail may come, and
the recovery dies, too.  After each session the mailbox is compared, octet for
octet where nobody else wrote: gone is what was marked by a session that was
told QUIT, and nothing else.

The environment: DEWEY and SHIM name the program and the shim; what is found
is kept in the directory OUT with its trace.  The seed repeats a world.
"""
import collections
import errno
import os
import pwd
import random as R
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

import mails
from mails import NotMbox, parse

DEWEY = os.environ["DEWEY"]
SHIM = os.environ["SHIM"]
OUT = os.environ.get("OUT")
WAIT = 60  # seconds: any longer is a hang
NAME = pwd.getpwuid(os.getuid()).pw_name.encode()

count = collections.Counter()
uid_of, norm_of = {}, {}

class Finding(Exception):
    pass
class Hang(Finding):
    pass

class Session:
    def __init__(s, flags, env=None, tr=None):
        a, b = socket.socketpair()
        s.r, w = os.pipe()
        s.err = open(s_err_path(), 'w+b')
        e = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', 'HOME': W.dir}
        e.update(env or {})
        s.trace = tr if tr is not None else []
        s.p = subprocess.Popen([DEWEY] + flags, stdin=b, stdout=b,
                stderr=s.err, env=e, pass_fds=(w,), start_new_session=True)
        os.close(w)
        b.close()
        s.s = a
        a.setblocking(False)
        s.inb = bytearray()
        s.out = b''
        s.pieces = []
        s.eof = False
        s.lost = False
        s.slow = False
    def log(s):
        s.err.seek(0)
        return s.err.read().decode('latin1')
    def send(s, data, split=None):
        if split == 'all' or split is None:
            s.pieces.append((data, 0))
        elif split == 'octets' and len(data) < 400:
            for i in range(len(data)):
                s.pieces.append((data[i:i + 1], 0))
        else:
            cuts = sorted(R.randrange(len(data) + 1)
                    for _ in range(R.randrange(1, 5)))
            for x, y in zip([0] + cuts, cuts + [len(data)]):
                if y > x:
                    s.pieces.append((data[x:y], R.choice([0, 0, .001, .003])))
    def pump(s, until):
        """some io; False at the deadline"""
        if not s.out and s.pieces:
            s.out, d = s.pieces.pop(0)
            if d:
                time.sleep(d)
        left = until - time.time()
        if left <= 0:
            return False
        r, w, _ = select.select([] if s.eof else [s.s], [s.s] if s.out
                and not s.lost else [], [], left)
        if w:
            try:
                n = s.s.send(s.out[:65536])
                s.out = s.out[n:]
            except (BrokenPipeError, ConnectionResetError):
                s.lost = True
                s.out = b''
                s.pieces = []
        if r:
            if s.slow:
                time.sleep(.002)
            try:
                d = s.s.recv(1000 if s.slow else 262144)
            except ConnectionResetError:
                d = b''
            if not d:
                s.eof = True
            s.inb += d
        return True
    def until(s, done, what):
        end = time.time() + WAIT
        while not done():
            if s.eof and not done():
                return False
            if not s.pump(end):
                raise Hang('no %s within %d s; got %r'
                        % (what, WAIT, bytes(s.inb[-200:])))
        return True
    def line(s):
        if not s.until(lambda: b'\n' in s.inb, 'line'):
            if s.inb:
                raise Finding('half a line %r' % bytes(s.inb[:200]))
            return None
        i = s.inb.index(b'\n')
        l = bytes(s.inb[:i + 1])
        del s.inb[:i + 1]
        if not l.endswith(b'\r\n'):
            raise Finding('line end %r' % l[-20:])
        if len(l) > 512:
            raise Finding('reply of %d octets' % len(l))
        return l[:-2]
    def body(s):
        st = {'at': 0}
        def done():
            if s.inb.startswith(b'.\r\n'):
                st['end'] = 0
                return True
            i = s.inb.find(b'\r\n.\r\n', max(0, st['at'] - 5))
            st['at'] = len(s.inb)
            if i >= 0:
                st['end'] = i + 2
                return True
            return False
        if not s.until(done, 'end of body'):
            return None
        b = bytes(s.inb[:st['end']])
        del s.inb[:st['end'] + 3]
        return b
    def flush(s):
        end = time.time() + WAIT
        while (s.out or s.pieces) and not s.lost:
            if not s.pump(end):
                raise Hang('input is not taken')
    def gone(s, what='end'):
        """all processes have ended"""
        end = time.time() + WAIT
        while True:
            left = end - time.time()
            if left <= 0:
                raise Hang('processes do not end: ' + what)
            # keep reading what is said
            rl = [s.r] + ([] if s.eof or s.s is None else [s.s])
            r, _, _ = select.select(rl, [], [], left)
            if s.s is not None and not s.eof and s.s in r:
                try:
                    d = s.s.recv(262144)
                except (ConnectionResetError):
                    d = b''
                if not d:
                    s.eof = True
                s.inb += d
            if s.r in r:
                break
        os.close(s.r)
        s.r = -1
        s.p.wait()
        if s.s is not None:
            s.s.close()
            s.s = None
        s.err.flush()
    def destroy(s):
        try:
            os.killpg(s.p.pid, signal.SIGKILL)
        except OSError:
            pass
        s.p.wait()
        if s.r != -1:
            os.close(s.r)
        if s.s is not None:
            s.s.close()
        s.err.close()

errn = [0]
def s_err_path():
    errn[0] += 1
    return '%s/err.%d' % (W.aux, errn[0] % 4)

def unstuff(b):
    return re.sub(rb'(\A|\r\n)\.', rb'\1', b) if b else b

def remove(F, marked):
    """F without the messages of these indices, per DESIGN"""
    first, hidden, ms = parse(F)
    if not marked:
        return F
    out = [F[:ms[0].off]]
    lastkept = None
    for i, m in enumerate(ms):
        if i not in marked:
            out.append(F[m.off:m.end])
            lastkept = m
    o = b''.join(out)
    if len(ms) - 1 in marked and lastkept is not None and ms[-1].sep == b'' \
            and F.endswith(b'\n') and not re.search(rb'(?:\A|\n)\r?\n\Z', F[-3:] if len(F) > 2
            else F):
        sp = lastkept.sep
        if sp:
            cut = o[:-len(sp)]
            if not re.search(rb'\n\r?\n\Z', cut[-3:]):
                o = cut
    return o

class W:
    """the world"""

def read():
    try:
        with open(W.box, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return None

def put(o, how):
    if how == 'rename':
        with open(W.box + '.new', 'wb') as f:
            f.write(o)
        os.chmod(W.box + '.new', 0o600)
        os.rename(W.box + '.new', W.box)
    else:
        fd = os.open(W.box, os.O_RDWR | os.O_CREAT, 0o600)
        if how == 'trunc':
            os.ftruncate(fd, 0)
        os.pwrite(fd, o, 0) if o else None
        os.ftruncate(fd, len(o))
        os.close(fd)
    if how == 'oldtime' :
        os.utime(W.box, (1e9, 1e9))

def append(o):
    fd = os.open(W.box, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, o)
    os.close(fd)

def edit(trace):
    """what another program does; returns kind"""
    F = read()
    if F is None:
        F = b''
    r = R.random()
    if r < .45 or W.appendonly:
        n = R.choice([1, 1, 1, 2, 5])
        x = W.w.join([mails.mail(False, W.w.big) for _ in range(n)], F)
        append(x)
        trace.append('append %d' % len(x))
        return 'appended'
    how = R.choice(['inplace', 'inplace', 'trunc', 'rename', 'rename',
            'oldtime'])
    if r < .52 and W.backup is not None:
        o = W.backup
        what = 'restore'
    elif r < .56:
        o = b''
        what = 'empty'
    else:
        try:
            first, hidden, ms = parse(F)
        except NotMbox:
            first, hidden, ms = 0, None, []
        raws = [F[m.off:m.end] for m in ms]
        head = F[:ms[0].off] if ms else b''
        k = R.random()
        what = 'edit'
        if raws and k < .45:
            del raws[R.randrange(len(raws))]
            what = 'delete'
        if raws and k > .3:
            i = R.randrange(len(raws))
            raws[i] = re.sub(rb'\AFrom [^\n]*\n', lambda m: m.group(0)
                    + b'Status: ' + R.choice([b'O', b'RO', b'R ']) + b'\n',
                    raws[i], count=1)
            what += ' status'
        if k > .8:
            R.shuffle(raws)
            what += ' shuffle'
        if raws and k > .9:
            raws.append(R.choice(raws))
            what += ' dup'
        if k < .5:
            raws.append(mails.ends(mails.mail(False, W.w.big), W.w.ends)
                    + (b'\r\n' if W.w.ends == 'crlf' else b'\n'))
            what += ' new'
        o = head + b''.join(raws)
        if b'\n' in o and R.random() < .5 and not o.endswith(b'\n'):
            o += b'\n'
    put(o, how)
    trace.append('%s %s' % (what, how))
    return 'rewritten'

def check_uids(ms, got, trace):
    """got: list of uids for these messages"""
    seen = set()
    n = collections.Counter()
    for m, u in zip(ms, got):
        if not re.match(rb'[\x21-\x7e]{1,70}\Z', u):
            raise Finding('uid %r' % u)
        if u in seen:
            raise Finding('uid %r twice' % u)
        seen.add(u)
        base = u[:24]
        n[m.norm()] += 1
        k = hash(m.norm())
        if uid_of.setdefault(k, base) != base:
            raise Finding('uid of a message changed: %r %r' % (uid_of[k], u))
        if norm_of.setdefault(base, k) != k:
            raise Finding('one uid for two messages %r' % u)

def flags(n=0):
    f = ['--preauth', '--mailbox=' + W.box, '--log=stderr', '--host=h.example']
    f.append('--cache-dir='
            + (W.dir + '/cache' if R.random() < .7 else 'none'))
    if R.random() < .3:
        f.append('--journal-window=%d'
                % R.choice([1, 512, 4096, 5000, 65536, 1 << 20] if n < 30000
                else [4096, 65536, 1 << 20]))
    if R.random() < .3:
        f.append('--locks='
                + R.choice(['none', 'fcntl', 'dotlock', 'flock',
                'dotlock,fcntl', 'flock,dotlock']))
    if R.random() < .1:
        f.append('--log-deletes')
    return f

VERBS = ['STAT', 'LIST', 'LISTN', 'UIDL', 'UIDLN', 'RETR', 'TOP', 'DELE',
        'RSET', 'NOOP', 'CAPA', 'LANG', 'BAD']
WEIGHT = [4, 4, 3, 3, 2, 10, 6, 12, 1.2, 2, 1, 1, 3]

def command(n):
    v = R.choices(VERBS, WEIGHT)[0]
    k = R.randrange(1, n + 2) if n else R.randrange(0, 3)
    if R.random() < .04:
        k = R.choice([0, n + 1, n + 2, 10**9, 2**64, 2**64 + 1])
    if v == 'LISTN':
        return ('LIST', k)
    if v == 'UIDLN':
        return ('UIDL', k)
    if v in ('RETR', 'DELE'):
        return (v, k)
    if v == 'TOP':
        return (v, k, R.choice([0, 0, 1, 2, 5, 100, 10**6, 2**64, 10**30]))
    if v == 'LANG':
        return R.choice([('LANG',), ('LANG', '*'), ('LANG', 'en'),
                ('LANG', 'xx-foo')])
    if v == 'BAD':
        return ('BAD', R.choice([b'', b'FOO', b'RETR', b'RETR x', b'RETR 1 2',
                b'RETR -1', b'LIST 1x', b'DELE', b'QUIT now', b'TOP 1',
                b'TOP 1 -1', b'LAST', b'X' * 254, b'X' * 255, b'NOOP '
                + b' ' * 300, b'DELE 1\0', b'DELE\t1', b'US\xc3\xa9R',
                b'USER x', b'STLS', b'UTF8', b'AUTH', b'PASS x', b'STAT x',
                b'DELE 1\r', b'RSET 1', b'XTND XMIT']))
    return (v,)

def spell(c):
    if c[0] == 'BAD':
        return c[1] + R.choice([b'\r\n', b'\n'] if not c[1].endswith(b'\r')
                else [b'\r\n'])
    v = c[0] if R.random() < .7 else R.choice([c[0].lower(), c[0].title()])
    a = [str(x) if R.random() < .95 else '0' * R.randrange(1, 4) + str(x)
            if isinstance(x, int) else str(x) for x in c[1:]]
    sp = ' ' if R.random() < .9 else '  '
    return (sp.join([v] + a)
            + R.choice(['', '', '', '', ' ', '   '])).encode() \
            + R.choice([b'\r\n', b'\r\n', b'\r\n', b'\n'])

class Talk:
    def __init__(t, F0, trace):
        t.trace = trace
        t.first, t.hidden, t.ms = parse(F0)
        t.F0 = F0
        t.marked = set()
        t.kind = 'same'
        t.closed = False
        t.strict = True
        t.quit = None
    def there(t):
        return [i for i in range(len(t.ms)) if i not in t.marked]
    def must(t):
        return t.kind in ('same', 'appended')
    def answer(t, s, c):
        if t.closed:
            return
        v = c[0]
        l = s.line()
        T = t.trace
        if l is None:
            t.closed = True
            T.append('%r: closed' % (c,))
            if t.must():
                raise Finding('closed at %r in vain' % (c,))
            return
        T.append('%s -> %s'
                % (' '.join(repr(x) if isinstance(x, bytes) else str(x)
                for x in c)[:60], l[:70].decode('latin1')))
        if not re.match(rb'\+OK|-ERR', l):
            raise Finding('reply %r' % l)
        ok = l.startswith(b'+OK')
        def die(x):
            raise Finding('%r: %s: %r' % (c, x, l))
        if v == 'BAD':
            if ok:
                die('bad command taken')
            return
        if v == 'STAT':
            th = t.there()
            if l != b'+OK %d %d' \
                    % (len(th), sum(t.ms[i].octets() for i in th)):
                die('wrong STAT %d %d'
                        % (len(th), sum(t.ms[i].octets() for i in th)))
            return
        if v in ('NOOP',):
            if not ok:
                die('noop')
            return
        if v == 'RSET':
            if not ok:
                die('rset')
            t.marked = set()
            return
        if v == 'CAPA':
            b = s.body()
            for w in (b'TOP', b'UIDL', b'RESP-CODES', b'PIPELINING',
                    b'EXPIRE NEVER', b'AUTH-RESP-CODE'):
                if w not in b.split(b'\r\n'):
                    die('capa lacks %r' % w)
            return
        if v == 'LANG':
            if len(c) == 1:
                if not ok or s.body() is None:
                    die('lang')
            elif ok != (c[1] in ('*', 'en')):
                die('lang')
            return
        n = c[1] if len(c) > 1 else None
        if n is not None:
            valid = 1 <= n <= len(t.ms) and (n - 1) not in t.marked
            if not valid:
                if ok:
                    die('no such message')
                return
            m = t.ms[n - 1]
        if v == 'LIST':
            if n is not None:
                if l != b'+OK %d %d' % (n, m.octets()):
                    die('size is %d' % m.octets())
            else:
                if not ok:
                    die('list')
                b = s.body()
                e = b''.join(b'%d %d\r\n' % (i + 1, t.ms[i].octets())
                        for i in t.there())
                if b != e:
                    die('listing %r not %r' % (b[:200], e[:200]))
        elif v == 'UIDL':
            if not ok:
                if t.must():
                    die('uidl in vain')
                count['uidl refused'] += 1
                return
            if n is not None:
                k, u = l[4:].split(b' ')
                if int(k) != n:
                    die('number')
                t.uids[n - 1] = t.uids.get(n - 1, u)
                if t.uids[n - 1] != u:
                    die('uid changed')
            else:
                b = s.body().split(b'\r\n')[:-1]
                th = t.there()
                if [int(x.split(b' ')[0]) for x in b] != [i + 1 for i in th]:
                    die('uidl numbers %r' % b[:5])
                us = [x.split(b' ')[1] for x in b]
                check_uids([t.ms[i] for i in th], us, T)
                for i, u in zip(th, us):
                    if t.uids.setdefault(i, u) != u:
                        die('uid changed in a session')
        elif v in ('RETR', 'TOP'):
            if not ok:
                if t.must():
                    die('refused in vain')
                count['retr refused'] += 1
                return
            if v == 'RETR' and l != b'+OK %d octets' % m.octets():
                die('octets %d' % m.octets())
            b = s.body()
            if b is None:
                t.closed = True
                count['torn'] += 1
                if t.must():
                    die('torn in vain')
                return
            e = m.retr() if v == 'RETR' else m.top(c[2])
            if unstuff(b) != e:
                u = unstuff(b)
                i = next((i for i in range(min(len(u), len(e)))
                        if u[i] != e[i]), min(len(u), len(e)))
                die('text differs at %d: %r not %r (%d, %d)'
                        % (i, u[max(0, i - 40):i + 40],
                        e[max(0, i - 40):i + 40], len(u), len(e)))
            if re.search(rb'(?:\A|\r\n)\.(?!\.)', b):
                die('not stuffed')
        elif v == 'DELE':
            if not ok:
                if b'read-only' in l and t.shim:
                    count['read-only'] += 1
                    return
                die('dele')
            t.marked.add(n - 1)

def let_in(when, T):
    """a session of no command"""
    s = Session(flags(), None, T)
    try:
        g = s.line()
        T.append('%s: %r' % (when, g))
        if not g or not g.startswith(b'+OK'):
            raise Finding('login %s: %r' % (when, g))
        s.send(b'QUIT\r\n')
        s.line()
        s.gone()
    finally:
        T.append('LOG ' + s.log()[-300:])
        s.destroy()

def judge(t, Fc, after, reply, T):
    """no crash: what QUIT left of Fc"""
    marked = t.marked if reply is not None else set()
    if after is None:
        after = b''
    try:
        _, _, now = parse(Fc)
    except NotMbox:
        if after != Fc:
            raise Finding('no mbox, but changed')
        return
    same = len(now) >= len(t.ms) \
            and all(a.off == b.off
            and (a.stored == b.stored
            or (a is t.ms[-1] and re.fullmatch(rb'\r?\n',
            b.stored[len(a.stored):] or b'x')
            and b.stored.startswith(a.stored))) for a, b in zip(t.ms, now)) \
            and t.kind != 'rewritten'
    if not marked:
        if after != Fc:
            raise Finding('nothing marked, but changed')
        if reply and not reply.startswith(b'+OK') :
            raise Finding('QUIT without marks: %r' % reply)
        return
    if same and t.must():
        want = remove(Fc, marked)
        if reply == b'': 
            if after not in (Fc, want):
                raise Finding('cut after QUIT: neither')
            return
        if not reply.startswith(b'+OK'):
            raise Finding('QUIT refused in vain: %r' % reply)
        if after != want:
            raise Finding('mailbox is not as it should be: '
                    + diff(after, want))
        return
    # by what went
    p = 0
    gone = collections.Counter()
    stood = collections.Counter()
    pre = now[0].off if now else len(Fc)
    if after[:pre] != Fc[:pre]:
        raise Finding('the begin was changed')
    p = pre
    bounds = set()
    for i, m in enumerate(now):
        raw = Fc[m.off:m.end]
        stood[m.norm().rstrip(b'\n')] += 1
        if after[p:p + len(raw)] == raw \
                and (p + len(raw) == len(after)
                or after[p + len(raw):p + len(raw) + 5] == b'From '):
            p += len(raw)
        elif after[p:] == m.stored:
            p += len(m.stored)
        else:
            gone[m.norm().rstrip(b'\n')] += 1
    if p != len(after):
        raise Finding('left over: %r' % after[p:p + 200])
    marks = collections.Counter(t.ms[i].norm().rstrip(b'\n') for i in marked)
    for k, g in gone.items():
        if g > marks[k]:
            raise Finding('WRONG REMOVAL of %r' % k[:200])
    if reply and reply.startswith(b'+OK'):
        for k in marks:
            if gone[k] < min(marks[k], stood[k]):
                raise Finding('+OK but marked stays %r' % k[:100])
    count['judged by ids'] += 1

def diff(a, b):
    i = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]),
            min(len(a), len(b)))
    return 'at %d: %r not %r (%d, %d octets)' \
            % (i, a[max(0, i - 60):i + 60], b[max(0, i - 60):i + 60], len(a),
            len(b))

def litter(crashed=False):
    bad = [f for f in os.listdir(W.spool)
            if f not in ('box', '.box.dewey', '.box.dewey.ids', 'real')
            and not (crashed and '.lock' in f)]
    if bad:
        raise Finding('left behind: %s' % bad)
    j = W.spool + '/.box.dewey'
    return os.path.exists(j) and os.path.getsize(j) > 0

def clean():
    for f in os.listdir(W.spool):
        if '.lock' in f:
            os.unlink(W.spool + '/' + f)

def crashenv(T):
    if R.random() < .85:
        do = R.choice(['before', 'middle', 'after', 'fail', 'full', 'short',
                'shorts', 'before', 'after', 'middle'])
        at = R.choice([R.randrange(1, 14), R.randrange(6, 26),
                R.randrange(8, 24), R.randrange(1, 60)])
        e = {'LD_PRELOAD': SHIM, 'SHIM_MAILBOX': W.box, 'SHIM_AT': str(at),
                'SHIM_DO': do}
        if R.random() < .7:
            e['SHIM_KINDS'] = R.choice(['w', 'ws', 'wst', 't', 's', 'wta'])
            e['SHIM_AT'] = str(R.choice([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15,
                    20]))
        if R.random() < .8:
            e['SHIM_FAST'] = '1'
        if R.random() < .5:
            e['SHIM_GROUP'] = '1'
        if do in ('fail', 'full'):
            e['SHIM_ERRNO'] = str(R.choice([errno.EIO, errno.ENOSPC,
                    errno.EDQUOT] if do == 'fail'
                    else [errno.ENOSPC, errno.EDQUOT, errno.EIO]))
        T.append('shim %s at %d %s' % (do, at, e.get('SHIM_ERRNO', '')))
        return e
    T.append('random kill')
    return {}

def session(T):
    F0 = read()
    fl = flags(len(F0 or b''))
    T.append('login ' + ' '.join(fl[4:]) + ' %s octets'
            % (None if F0 is None else len(F0)))
    crash = R.random() < W.crashes and F0
    env = crashenv(T) if crash else None
    if crash and R.random() < .8:
        fl.append('--sandbox=none')
    s = Session(fl, env, T)
    try:
        return session2(T, F0 if F0 is not None else b'', fl, crash, env, s)
    finally:
        T.append('LOG ' + s.log()[-600:])
        s.destroy()

def session2(T, F0, fl, crash, env, s):
    count['sessions'] += 1
    s.slow = R.random() < .02
    try:
        t = Talk(F0, T)
    except NotMbox:
        g = s.line()
        T.append('greeting %r' % g)
        if g is not None and not g.startswith(b'-ERR') and not crash:
            raise Finding('no mbox, but %r' % g)
        if s.s is not None:
            try:
                s.s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        s.gone()
        if read() != F0:
            raise Finding('no mbox, but changed')
        litter(crash)
        if crash:
            clean()
        return
    t.uids = {}
    t.shim = crash
    g = s.line()
    T.append('greeting %r' % g)
    if crash and (g is None or g.startswith(b'-ERR')):
        s.gone()
        if read() != F0 and not litter(True):
            raise Finding('changed though nobody was let in')
        recovered(T, F0, {F0})
        return
    n = len(t.ms)
    e = b"+OK %s's maildrop has %d message%s (%d octets)" % (NAME, n,
            b'' if n == 1 else b's', sum(m.octets() for m in t.ms))
    if g != e:
        raise Finding('greeting %r not %r' % (g, e))
    turns = R.choice([1, 1, 2, 3, 5])
    for turn in range(turns):
        cs = [command(n) for _ in range(R.choice([1, 2, 3, 8, 20]))]
        # not 20 bad in a row
        cs = [c for i, c in enumerate(cs) if c[0] != 'BAD' or i % 7]
        if crash and n and R.random() < .7:
            cs = [('DELE', R.randrange(1, n + 1))
                    for _ in range(R.choice([1, 1, 2, 5]))]
        if not cs:
            continue
        data = b''.join(spell(c) for c in cs)
        s.send(data, R.choice(['all', 'all', 'split', 'octets']))
        try:
            for c in cs:
                t.answer(s, c)
                if t.closed:
                    break
        except Finding:
            if crash and s.eof:
                t.closed = True
            elif crash and 'SHIM_ERRNO' in (env or {}):
                t.closed = True    # reads may fail
            else:
                raise
        if t.closed:
            break
        if R.random() < W.events and not crash:
            k = edit(T)
            if k == 'rewritten' or t.kind == 'rewritten':
                t.kind = 'rewritten'
            else:
                t.kind = 'appended'
            count['events'] += 1
            if R.random() < .3:
                time.sleep(.025)
        if R.random() < .03 and not crash and F0 and t.kind == 'same':
            u = Session(flags(), None, T)
            try:
                l = u.line()
                T.append('second session: %r' % l)
                if not l or not l.startswith(b'-ERR [IN-USE]'):
                    raise Finding('second session %r' % l)
                u.gone()
            finally:
                u.destroy()
    Fc = read()
    if Fc is None:
        Fc = b''
    how = R.choices(['quit', 'cut', 'quitcut', 'half', 'unended', 'term',
            'stop'], [14, 1.5, 1.5, 1, .7, .8, .3])[0]
    if crash:
        how = 'crash'
    if t.closed and how != 'crash':
        how = 'cut'
    reply = None
    if how == 'quit':
        s.send(R.choice([b'QUIT\r\n', b'quit\r\n', b'QUIT \r\n', b'QUIT\n'])
                + (b'DELE 1\r\n' if R.random() < .1 else b''),
                R.choice(['all', 'octets']))
        reply = s.line()
        if reply is None:
            raise Finding('QUIT not answered')
    elif how == 'cut':
        s.s.close()
        s.s = None
    elif how == 'quitcut':
        s.send(b'QUIT\r\n')
        s.flush()
        s.s.close()
        s.s = None
        reply = b''
    elif how == 'half':
        s.send(b'QUIT\r\n')
        s.flush()
        s.s.shutdown(socket.SHUT_WR)
        reply = s.line()
        if reply is None:
            raise Finding('QUIT not answered')
    elif how == 'unended':
        s.send(R.choice([b'QUIT', b'QUIT\r', b'DELE 1\r\nQUI']))
        s.flush()
        s.s.shutdown(socket.SHUT_WR)
    elif how == 'term':
        os.kill(s.p.pid, signal.SIGTERM)
    elif how == 'stop':
        os.kill(s.p.pid, signal.SIGSTOP)
        time.sleep(.01)
        os.kill(s.p.pid, signal.SIGCONT)
        s.send(b'QUIT\r\n')
        reply = s.line()
    elif how == 'crash':
        return crashed(T, t, Fc, s, env)
    T.append('%s: %r' % (how, reply))
    # the locks are gone before the answer
    if reply and R.random() < .15:
        judge(t, Fc, read(), reply, T)
        let_in('at once after QUIT', T)
    s.gone()
    after = read()
    if litter():
        raise Finding('a journal is left')
    judge(t, Fc, after, reply, T)

def group(leader):
    """The processes of a process group."""
    found = []
    for name in sorted(os.listdir('/proc')):
        try:
            if name.isdigit() and os.getpgid(int(name)) == leader:
                found.append(int(name))
        except OSError:
            pass
    return found


def crashed(T, t, Fc, s, env):
    count['crashes'] += 1
    reply = None
    if not t.closed:
        try:
            if R.random() < .9:
                s.send(b'QUIT\r\n')
            if not env:
                end = time.time() + R.random() * R.choice([.004, .02])
                try:
                    s.flush()
                except Hang:
                    raise
                while time.time() < end:
                    pass
                if R.random() < .5:
                    os.killpg(s.p.pid, signal.SIGKILL)
                else:
                    kids = group(s.p.pid)
                    if kids:
                        try:
                            os.kill(R.choice(kids), signal.SIGKILL)
                        except OSError:
                            pass
            else:
                s.flush()
            try:
                s.s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            reply = s.line()
        except Finding as f:
            if isinstance(f, Hang):
                raise
    else:
        if s.s is not None:
            s.s.close()
            s.s = None
    T.append('crash, reply %r' % reply)
    s.gone()
    want = remove(Fc, t.marked)
    tail = set(t.marked)
    i = len(t.ms) - 1
    tm = set()
    while i in t.marked:
        tm.add(i)
        i -= 1
    part = remove(Fc, tm) if tm else Fc
    allowed = {Fc, want}
    if (env or {}).get('SHIM_DO') in ('fail', 'full', 'short', 'shorts'):
        allowed.add(part)
    if reply and reply.startswith(b'+OK'):
        allowed = {want}
    recovered(T, Fc, allowed)

def recovered(T, Fc, allowed):
    """a next login makes of it one of these"""
    pend = litter(True)
    try:
        os.unlink(W.box + '.lock')
    except OSError:
        pass
    T.append('journal pending: %s' % pend)
    x = b''
    if R.random() < .4:
        x = W.w.join([mails.mail(False, W.w.big)
                for _ in range(R.choice([1, 1, 3]))], Fc or b'x')
        append(x)
        T.append('append %d after the crash' % len(x))
    if pend:
        count['pending'] += 1
    # perhaps the recovery dies, too
    k = 0
    while R.random() < .4 and k < 5:
        k += 1
        e = crashenv(T)
        s = Session(flags() + R.choice([['--sandbox=none'], []]), e, T)
        try:
            try:
                g = s.line()
                T.append('recovery that dies: %r' % g)
                s.s.shutdown(socket.SHUT_WR)
            except Finding as f:
                if isinstance(f, Hang):
                    raise
            except OSError:
                pass
            s.gone()
        finally:
            T.append('LOG ' + s.log()[-300:])
            s.destroy()
        try:
            os.unlink(W.box + '.lock')
        except OSError:
            pass
        y = b''
        if R.random() < .2:
            y = W.w.join([mails.mail(False, W.w.big)], b'x')
            append(y)
            x += y
            T.append('append %d' % len(y))
    recover = R.random() < .3
    if recover:
        r = subprocess.run([DEWEY, '--recover', '--log=stderr', W.box],
                capture_output=True, timeout=60,
                env={'PATH': '/bin', 'HOME': W.dir})
        T.append('--recover: %d %s' % (r.returncode, r.stderr[-300:]))
    let_in('after a crash', T)
    for f in os.listdir(W.spool):
        if 'aside' in f:
            raise Finding('a journal was set aside')
        if f.startswith('.box.lock') or f == 'box.lock' :
            os.unlink(W.spool + '/' + f)
    got = read()
    ok = {a + x for a in allowed}
    if got not in ok:
        best = min(ok, key=lambda o: abs(len(o) - len(got or b'')))
        raise Finding('after a crash neither before nor after: '
                + '; '.join(diff(got, o) for o in ok))
    if litter():
        raise Finding('a journal is left')

def world(seed):
    R.seed(seed)
    mails.tagn[0] = 0
    base = os.environ.get("TMPDIR", "/tmp")
    W.dir = '%s/enemy-%d-%d' % (base, os.getpid(), seed % 1000000)
    shutil.rmtree(W.dir, ignore_errors=True)
    os.mkdir(W.dir, 0o700)
    os.mkdir(W.dir + '/spool')
    os.mkdir(W.dir + '/aux')
    W.spool = W.dir + '/spool'
    W.box = W.spool + '/box'
    W.aux = W.dir + '/aux'
    W.w = mails.World()
    W.backup = None
    W.events = R.choice([0, .3, .6])
    W.crashes = R.choice([0, 0, .5, .8])
    W.appendonly = R.random() < .3
    o = W.w.initial()
    if R.random() < .04:
        os.symlink('real', W.box)
    put(o, 'inplace')
    if o.startswith(b'From ') and R.random() < .02:
        os.truncate(W.box, len(o) + R.randrange(1, 70000))
    T = ['world %d: %s %s %s events %s crashes %s'
            % (seed, W.w.ends, W.w.sep, W.w.big, W.events, W.crashes)]
    try:
        for i in range(R.randrange(3, 10)):
            if R.random() < .35:
                edit(T)
            if R.random() < .1:
                W.backup = read()
                T.append('backup')
            r = R.random()
            if r < .02:
                time.sleep(2.2)
            elif r < .3:
                time.sleep(.03)
            T.append('--- session %d' % i)
            session(T)
    except Exception as found:
        if OUT:
            keep = '%s/%d' % (OUT, seed)
            shutil.rmtree(keep, ignore_errors=True)
            shutil.copytree(W.dir, keep, symlinks=True)
            with open(keep + '/trace', 'w') as f:
                f.write('\n'.join(T) + '\n' + traceback.format_exc())
        print('FINDING world %d: %s' % (seed, str(found)[:600]), flush=True)
        count['findings'] += 1
    finally:
        shutil.rmtree(W.dir, ignore_errors=True)

if __name__ == '__main__':
    first, n = int(sys.argv[1]), int(sys.argv[2])
    for seed in range(first, first + n):
        world(seed)
    print(' '.join('%s=%d' % (k.replace(' ', '-'), v) for k,
            v in sorted(count.items())))
