#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Real programs at work on a mailbox between and during sessions.

  writers.py SEED WORLDS

as an ordinary user.  Each mail has a number, in its header and around its body.
Agents deliver (procmail, Python's mailbox, and scripts that write as others
do), some deliveries are torn; mail readers and administrators rewrite, move,
cut and restore; sessions mark, quit, die and recover.  Some programs run
while the session is in UPDATE.  What dewey shows is read with the numbers
alone: a mail is never in two messages, no message has two, unless the first of
them was torn, and gone is only what a session or a program was told to delete.

The environment: DEWEY and SHIM name the program and the shim; the seed repeats
a world, as far as what runs side by side does.
"""
import collections
import mailbox
import os
import random as R
import re
import shutil
import signal
import subprocess
import sys
import time

DEWEY, SHIM = os.environ['DEWEY'], os.environ['SHIM']
BASE = os.environ.get('TMPDIR', '/tmp')
count = collections.Counter()
HAS = {p: shutil.which(p) for p in ('procmail', 'formail', 'mutt', 's-nail',
        'rsync', 'script')}
FROM = b'From t@example.org Mon Nov 23 10:00:00 2026\n'

class Finding(Exception):
    pass

class W:
    """the world"""

def mail(n):
    size = R.choice([0, 1, 30, 300, 300, 5000, 70000])
    text = (b'line %d %d\n' % (n, n * 7)) * (size // 12)
    return FROM + b'Subject: n%d\nMessage-ID: <%d@example.org>\n\n' \
        % (n, n) + b'begin n%d\n' % n + text + b'end n%d\n' % n

def box():
    try:
        with open(W.box, 'rb') as f:
            return f.read()
    except FileNotFoundError:
        return b''

def put(o, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    fd = os.open(W.box, flags, 0o600)
    while o:
        o = o[os.write(fd, o):]
    os.close(fd)

def pieces(o):
    """[numbers that stand in it] of each message; a reader of its own"""
    at = [m.start() for m in re.finditer(rb'(?:\A\n*|(?<=\n\n)|(?<=\n\r\n))'
            rb'From \S+ +\w{3} ', o)]
    return [o[a:b] for a, b in zip(at, at[1:] + [len(o)])]

def numbers(o):
    return [int(x) for x in re.findall(rb'^begin n(\d+)\r?$', o, re.M)]

def run(argv, data=b'', ok=(0,)):
    r = subprocess.run(argv, input=data, capture_output=True, timeout=20,
            env={'PATH': os.environ['PATH'], 'HOME': W.dir, 'TERM': 'dumb',
            'MAIL': W.box, 'LC_ALL': 'C', 'MAILRC': '/dev/null'}, cwd=W.dir)
    if r.returncode not in ok:
        W.trace.append('%s: %d %s' % (argv[0], r.returncode, r.stderr[-200:]))
    return r.returncode in ok

# ---- Who delivers

def whole_end(o):
    return o == b'' or o.endswith((b'\n\n', b'\n\r\n'))

def new(count_it=True):
    W.last += 1
    return W.last, mail(W.last)

def delivered(n, o):
    """${o} is what was there: the mail joins a torn one, if one is there"""
    W.there.add(n)
    left = numbers(pieces(o)[-1]) if pieces(o) else []
    if not whole_end(o) and left and left[-1] in W.torn:
        W.torn.add(n)    # as far as borders are told
        W.joined.add(n)

def behind(o):
    n, m = new()
    delivered(n, o)
    put(m + b'\n', os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def before(o):
    n, m = new()
    delivered(n, o + b'\n' if o.endswith(b'\n') else o)
    put((b'\n' if o else b'') + m, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def procmail(o):
    n, m = new()
    if run([HAS['procmail'], '-f', 't@example.org', W.dir + '/rc'], m):
        delivered(n, o)

def python(o):
    n, m = new()
    b = mailbox.mbox(W.box)
    b.lock()
    try:
        b.add(m)
        b.flush()
    finally:
        b.close()
    delivered(n, o)

def torn(o):
    """cut off by a crash, perhaps with octets that never reached the disk"""
    n, m = new()
    m += b'\n'
    m = m[:R.randrange(len(FROM), len(m))]
    if R.random() < .3:
        m += b'\0' * R.choice([1, 100, 4096])
    if W.before and o:
        m = b'\n' + m
    delivered(n, o + b'\n' if W.before and o.endswith(b'\n') else o)
    W.torn.add(n)
    if b'begin n%d\n' % n not in m:
        W.there.discard(n)
    put(m, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

# ---- Who rewrites

def pick():
    there = sorted({n for p in pieces(box()) for n in numbers(p)})
    return R.choice(there) if there else None

def removed(n):
    """they are gone that are in the message with ${n}"""
    for p in pieces(box()):
        if n in numbers(p):
            W.mayGo.update(numbers(p))

def by_mutt():
    n = pick()
    if n is not None:
        removed(n)
        with open(W.dir + '/muttrc', 'w') as f:
            f.write('set mbox_type=mbox delete=yes quit=yes move=no\n'
                'set wait_key=no save_empty=yes\npush \'<limit>all<enter>'
                '<delete-pattern>~s "n%d$"<enter><quit>\'\n' % n)
        run([HAS['script'], '-qec', 'stty rows 24 cols 80; %s -n -F %s -f %s'
            % (HAS['mutt'], W.dir + '/muttrc', W.box), '/dev/null'])

def by_snail():
    ps = pieces(box())
    if ps:
        k = R.randrange(len(ps))
        if numbers(ps[k]):
            removed(numbers(ps[k])[0])
        else:
            W.mayGo.update(W.there)
        run([HAS['s-nail'], '-:/', '-#', '-S', 'hold', '-S', 'keep', '-f',
            W.box], b'delete %d\nquit\n' % (k + 1))

def by_python():
    n = pick()
    b = mailbox.mbox(W.box)
    b.lock()
    try:
        for k, m in list(b.items()):
            if m['Subject'] == 'n%s' % n:
                removed(n)
                b.discard(k)
            elif R.random() < .3:
                m.add_flag(R.choice('ROF'))
                b[k] = m
        b.flush()
    finally:
        b.close()

def by_formail():
    """numbers the mails, in another file, which takes the name"""
    o = subprocess.run([HAS['formail'], '-I', 'X-Seen: yes', '-s'],
            input=box(), capture_output=True).stdout
    if R.random() < .5:
        replace(o)
    else:
        put(o)

def replace(o):
    with open(W.dir + '/new', 'wb') as f:
        f.write(o)
    os.chmod(W.dir + '/new', 0o600)
    os.rename(W.dir + '/new', os.path.realpath(W.box))

def by_editor():
    o = box().replace(b'\nSubject: n', b'\nX-Edited: yes\nSubject: n', 1)
    if R.random() < .5 and os.path.exists(W.box):
        os.rename(os.path.realpath(W.box), W.dir + '/box~')
    replace(o)

def by_rsync():
    with open(W.dir + '/copy', 'wb') as f:
        f.write(box().replace(b'\nStatus: O', b'\nStatus: R'))
    run([HAS['rsync'], '--inplace', '-t', W.dir + '/copy', W.box])

def by_copytruncate():
    W.mayGo.update(W.there)
    shutil.copyfile(W.box, W.dir + '/rotated')
    os.truncate(W.box, 0)

def by_cp():
    o = box()
    put(o)

def restored():
    """an older copy comes back in place, or by rename"""
    if W.backup is None:
        W.backup = (box(), set(W.mayGo), set(W.torn))
        return
    o, _, t = W.backup
    W.mayGo.update(W.there)
    W.there.update(n for p in pieces(o) for n in numbers(p))
    R.choice([put, replace])(o)

def grows_hole():
    """a crash left the new length but not the octets: an unended tail"""
    o = box()
    if o:
        os.truncate(W.box, len(o) + R.choice([1, 5, 4096]))
        ps = pieces(o)
        if ps:
            W.torn.update(numbers(ps[-1]))

# ---- Beside the mailbox

def sidecar():
    return '%s/.%s.dewey' % os.path.split(W.box)

def sidecar_goes():
    if os.path.exists(sidecar()) and not os.path.getsize(sidecar()):
        R.choice([os.unlink, lambda p: os.rename(p, p + '.old')])(sidecar())

def cache_goes():
    for name in os.listdir(W.dir + '/cache'):
        p = W.dir + '/cache/' + name
        k = R.random()
        if k < .3:
            os.unlink(p)
        elif k < .6 and os.path.exists(p + '.was'):
            shutil.copyfile(p + '.was', p)
        elif not name.endswith('.was'):
            shutil.copyfile(p, p + '.was')

def away():
    """moved, and a session looks meanwhile"""
    try:
        os.rename(W.box, W.dir + '/away')
    except FileNotFoundError:
        return
    Session(login=False).end()
    os.rename(W.dir + '/away', W.box)

BESIDE = [sidecar_goes, cache_goes, sidecar_goes, away]
def writers():
    d = [behind, behind, python, torn]
    d += [procmail] * 3 if HAS['procmail'] else []
    if W.before:
        d = [before, before, torn]
    r = [by_python, by_editor, by_copytruncate, by_cp, restored, grows_hole]
    for p, f in (('mutt', by_mutt), ('s-nail', by_snail),
            ('formail', by_formail), ('rsync', by_rsync)):
        r += [f] * 2 if HAS[p] and (p != 'mutt' or HAS['script']) else []
    return d, r

def event(during=False):
    d, r = writers()
    k = R.random()
    f = R.choice(d) if k < .5 else R.choice(r) if k < .85 else \
        R.choice(BESIDE[:3] if during else BESIDE)
    W.trace.append(f.__name__)
    count[f.__name__] += 1
    f(box()) if k < .5 else f()
    return k >= .5

# ---- Sessions

class Session:
    def __init__(s, env=None, login=True, flags=()):
        e = {'PATH': '/usr/bin:/bin', 'HOME': W.dir, 'LC_ALL': 'C'}
        e.update(env or {})
        f = ['--preauth', '--mailbox=' + W.box, '--log=stderr', '--host=h',
            '--lock-timeout=8', '--cache-dir=' + R.choice(['none',
            W.dir + '/cache', W.dir + '/cache']), *flags]
        if R.random() < .3:
            f.append('--journal-window=%d' % R.choice([100, 4096, 65536]))
        if env:
            f.append('--sandbox=none')
        s.err = open(W.dir + '/err', 'w+b')
        s.p = subprocess.Popen([DEWEY] + f, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=s.err, env=e, start_new_session=True)
        s.greeting = s.p.stdout.readline()
        s.ok = s.greeting.startswith(b'+OK')
        count['sessions'] += 1
    def say(s, c):
        try:
            s.p.stdin.write(c + b'\r\n')
            s.p.stdin.flush()
        except BrokenPipeError:
            pass
        return s.p.stdout.readline()
    def multi(s, c):
        a = s.say(c)
        if not a.startswith(b'+OK'):
            return a, None
        b = []
        while True:
            l = s.p.stdout.readline()
            if l == b'.\r\n':
                return a, b''.join(b)
            if not l:
                return a, None
            b.append(l[1:] if l.startswith(b'.') else l)
    def end(s):
        try:
            s.p.stdin.close()
        except BrokenPipeError:
            pass
        s.p.stdout.read()
        s.p.stdout.close()
        s.p.wait()
        s.err.seek(0)
        W.trace.append(s.err.read().decode('latin1')[-400:])
        s.err.close()

def texts(s):
    n = int(s.greeting.split()[4])
    return [s.multi(b'RETR %d' % (i + 1))[1] for i in range(n)]

def look():
    """a session sees each mail once, and none joined to another"""
    s = Session()
    if not s.ok:
        log = s.greeting
        s.end()
        if box() and not pieces(box())[:1] or b'not an mbox' in log:
            W.stop = True
            return
        raise Finding('refused: %r' % log)
    shown = [numbers(t) if t is not None else None for t in texts(s)]
    s.say(b'QUIT')
    s.end()
    if None in shown:
        raise Finding('RETR fails')
    for ns in shown:
        for a, b in zip(ns, ns[1:]):
            if b not in W.joined and a not in W.torn:
                raise Finding('n%d and n%d are one' % (a, b))
    all = collections.Counter(n for ns in shown for n in ns)
    for n, k in all.items():
        if k > 1:
            raise Finding('n%d %d times' % (n, k))
        if n in W.gone:
            raise Finding('n%d is back' % n)
    for n in sorted(W.there - W.mayGo):
        if n not in all:
            raise Finding('n%d is lost' % n)
    W.there = set(all)
    W.mayGo -= W.there

def serve():
    env = None
    if R.random() < .35:
        env = {'LD_PRELOAD': SHIM, 'SHIM_MAILBOX': os.path.realpath(W.box),
            'SHIM_AT': str(R.randrange(1, 30)), 'SHIM_FAST': '1',
            'SHIM_DO': R.choice(['middle', 'before', 'after', 'fail']),
            'SHIM_ERRNO': str(R.choice([5, 28, 122])),
            'SHIM_KINDS': R.choice(['wst', 'w', 'wstaclu'])}
        if R.random() < .6:
            env['SHIM_GROUP'] = '1'
        count['crashes'] += 1
    s = Session(env)
    if not s.ok:
        W.trace.append(repr(s.greeting))
        s.end()
        if not env and b'[SYS/' in s.greeting and pieces(box()):
            raise Finding('refused: %r' % s.greeting)
        return
    ts = texts(s)
    rewritten = False
    if R.random() < .5:
        s.multi(b'UIDL')
    marked = set()
    for i, t in enumerate(ts):
        if t is not None and R.random() < W.marks \
                and s.say(b'DELE %d' % (i + 1)).startswith(b'+OK'):
            marked |= set(numbers(t))
            W.trace.append('mark %r' % numbers(t))
    if R.random() < .5 and not env:
        rewritten = event()
    W.mayGo |= marked
    p = None
    if R.random() < .3:
        # in the middle of UPDATE; who takes locks only
        n, m = new()
        o = box()
        if HAS['procmail'] and whole_end(o):
            p = subprocess.Popen([HAS['procmail'], '-f', 't@example.org', W.dir
                + '/rc'], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            p.stdin.write(m)
            p.stdin.close()
            a = s.say(b'QUIT')
            W.there.add(n)
            count['at-once'] += 1
        else:
            a = s.say(b'QUIT')
    elif R.random() < .1 and not env:
        os.killpg(s.p.pid, R.choice([signal.SIGKILL, signal.SIGTERM]))
        a = b''
    else:
        a = s.say(b'QUIT')
    W.trace.append(repr(a))
    s.end()
    if os.path.exists(W.box + '.lock'):
        os.unlink(W.box + '.lock')
    if p:
        p.wait(30)
    if a.startswith(b'+OK') and not rewritten:
        for n in marked:
            W.gone.add(n)

def world(seed):
    R.seed(seed)
    W.dir = '%s/writers-%d' % (BASE, os.getpid())
    shutil.rmtree(W.dir, ignore_errors=True)
    os.makedirs(W.dir + '/spool')
    os.makedirs(W.dir + '/cache', 0o700)
    W.box = W.dir + '/spool/box'
    W.trace, W.last, W.stop, W.backup = [], 0, False, None
    W.there, W.mayGo, W.torn, W.joined, W.gone = (set() for _ in range(5))
    W.marks = R.choice([.2, .5, .9])
    W.before = R.random() < .25    # as dma delivers
    with open(W.dir + '/rc', 'w') as f:
        f.write('DEFAULT=%s\nORGMAIL=%s\nLOCKSLEEP=1\nLOCKTIMEOUT=5\nMAILDIR=%s\n'
            % (W.box, W.box, W.dir))
    if R.random() < .15:
        os.symlink('real', W.box)
    try:
        for _ in range(R.randrange(1, 6)):
            (before if W.before else behind)(box())
        for _ in range(R.randrange(3, 8)):
            for _ in range(R.choice([0, 1, 1, 2])):
                event()
                if W.backup is not None:
                    W.gone.clear()
            serve()
            if W.backup is not None:
                W.gone.clear()
            look()
            if W.stop:
                break
    except Exception as found:
        print('FINDING world %d: %s: %s' % (seed, type(found).__name__,
            str(found)[:300]), flush=True)
        count['findings'] += 1
        if os.environ.get('TRACE'):
            print('\n'.join(W.trace))
            raise
    finally:
        if not os.environ.get('TRACE'):
            shutil.rmtree(W.dir, ignore_errors=True)

if __name__ == '__main__':
    first, n = int(sys.argv[1]), int(sys.argv[2])
    until = time.time() + float(os.environ.get('SECONDS_MOST', 'inf'))
    for seed in range(first, first + n):
        if time.time() < until:
            count['worlds'] += 1
            world(seed)
    print(' '.join('%s=%d' % (k.replace('_', '-'), v)
        for k, v in sorted(count.items())))
