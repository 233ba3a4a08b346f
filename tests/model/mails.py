#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Mailboxes as they are, at random, and an own reader of them.

The reader is written from DESIGN section 5 line by line, and shares nothing
with the program or with tests/Model.pm.  The generator makes what real
mailboxes have: either line end or both, NUL and 8-bit octets, lines of a
quarter of a megabyte, From_ lines in texts, messages without header, body,
empty line or end, folded and huge headers, equal messages, the state of UW
imapd.
"""
import random as R
import re

MON = rb'(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
DAY = rb'(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
ZONE = rb'(?:[A-Za-z]{1,5}|[-+]\d\d:?\d\d)'
# The generator writes no other dated forms than these.
DATED = re.compile(rb'From[ \t]+(?:.*[ \t])?(?:' + DAY + rb'[ \t]+)?' + MON
        + rb'[ \t]+\d\d?[ \t]+\d\d:\d\d(?::\d\d)?(?:[ \t]+' + ZONE
        + rb'){0,2}[ \t]+\d{4}(?:[ \t]+' + ZONE + rb')?[ \t]*\Z',
        re.S | re.I)
DATED2 = re.compile(rb'From[ \t]+[^ \t]+[ \t]+' + DAY + rb'[ \t]+' + MON
        + rb'[ \t]+\d\d?[ \t]+\d\d:\d\d:\d\d[ \t]+\d{4}(?:[ \t].*)?\Z',
        re.S | re.I)
BARE = re.compile(rb'From[ \t]')
EDITED = {b'status', b'x-status', b'x-keywords', b'x-uid', b'x-uidl',
        b'x-imap', b'x-imapbase', b'x-mozilla-status', b'x-mozilla-status2',
        b'x-mozilla-keys', b'content-length', b'lines'}

def lines(o):
    """[(content, end)]"""
    out = []
    at = 0
    n = len(o)
    while at < n:
        lf = o.find(b'\n', at)
        if lf < 0:
            out.append((o[at:], b''))
            break
        if lf > at and o[lf - 1] == 13:
            out.append((o[at:lf - 1], b'\r\n'))
        else:
            out.append((o[at:lf], b'\n'))
        at = lf + 1
    return out

class Msg:
    __slots__ = ('off', 'stored', 'sep', '_norm', '_wire')
    def __init__(self, off, stored, sep):
        self.off, self.stored, self.sep = off, stored, sep
        self._norm = self._wire = None
    @property
    def end(self):
        return self.off + len(self.stored) + len(self.sep)
    def wire(self):
        """lines as sent, number of header lines, has an empty line"""
        if self._wire is None:
            ls = lines(self.stored)[1:]
            h = next((i for i, l in enumerate(ls) if l[0] == b''), None)
            self._wire = ([l[0] + b'\r\n' for l in ls], h)
        return self._wire
    def retr(self):
        return b''.join(self.wire()[0])
    def top(self, k):
        ls, h = self.wire()
        if h is None:
            return b''.join(ls) + b'\r\n'
        return b''.join(ls[:h + 1 + min(k, len(ls))])
    def octets(self):
        return len(self.retr())
    def norm(self):
        if self._norm is None:
            ls = lines(self.stored)
            out = [ls[0][0]]
            skip = False
            i = 1
            while i < len(ls) and ls[i][0] != b'':
                c = ls[i][0]
                if c[:1] not in (b' ', b'\t'):
                    skip = c.split(b':', 1)[0].lower() in EDITED and b':' in c
                if not skip:
                    out.append(c)
                i += 1
            out += [l[0] for l in ls[i:]]
            self._norm = b'\n'.join(out) + b'\n'
        return self._norm

class NotMbox(Exception):
    pass

def parse(o):
    """(prefix octets, hidden Msg or None, [Msg])"""
    msgs, cur, start, at, blank, first_off = [], None, 0, 0, True, None
    for c, e in lines(o):
        here = at
        at += len(c) + len(e)
        if blank and c[:4] == b'From' \
                and (DATED.match(c) or DATED2.match(c)
                or (here == 0 and BARE.match(c))):
            if cur is not None:
                msgs.append((start, cur))
            start, cur = here, [(c, e)]
            if first_off is None:
                first_off = here
        elif cur is not None:
            cur.append((c, e))
        elif c != b'' or e == b'':
            raise NotMbox(here)
        # an empty line is one that ends
        blank = c == b'' and e != b''
    if cur is not None:
        msgs.append((start, cur))
    res = []
    for start, ls in msgs:
        h = next((i for i in range(1, len(ls)) if ls[i][0] == b''
                and ls[i][1]), None)
        sep = b''
        if h is not None and h < len(ls) - 1 and ls[-1][0] == b'' \
                and ls[-1][1]:
            sep = ls[-1][1]
            ls = ls[:-1]
        res.append(Msg(start, b''.join(a + b for a, b in ls), sep))
    hidden = None
    if res and is_pseudo(res[0].stored):
        hidden = res.pop(0)
    return (first_off if first_off is not None else len(o)), hidden, res

SUBJECT = b"DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"

def is_pseudo(stored):
    if not re.match(rb'From MAILER[-_]DAEMON ', stored):
        return False
    s = i = d = False
    for c, e in lines(stored)[1:]:
        if c == b'':
            break
        if b':' not in c:
            continue
        n, v = c.split(b':', 1)
        n = n.lower()
        s |= n == b'subject' \
                and v.strip(b' \t') == SUBJECT
        i |= n in (b'x-imap', b'x-imapbase')
        d |= n in (b'received', b'return-path')
    return s and i and not d


# ---- Made at random

tagn = [0]
def tag():
    tagn[0] += 1
    return b'%08x%04x' % (R.getrandbits(32), tagn[0] & 0xffff)

DATES = [b'Mon Jan  1 00:00:00 2024', b'Tue Feb 29 23:59:59 2028',
        b'Wed Nov 25 12:34:56 2026', b'Thu Dec 31 00:00:00 +0100 2020',
        b'Fri Mar 13 01:02:03 MET DST 2020', b'Jan 1 10:00 2024']
SENDERS = [b'a@b', b'MAILER-DAEMON', b'"x y"@z', b'- ', b'root', b'very' * 30
        + b'@example.org', b'<>']

def from_line(first=False, nodate=False):
    if first and R.random() < .15:
        return R.choice([b'From ', b'From x', b'From \t', b'From here on'])
    return b'From ' + R.choice(SENDERS) + b' ' + R.choice(DATES)

def body_line(t):
    r = R.random()
    if r < .30:
        return b'x' * R.randrange(0, 90)
    if r < .40:
        return R.choice([b'.', b'..', b'.x', b'...dots'])
    if r < .48:
        return b''
    if r < .54:
        return b'From here on there is text'
    if r < .58:
        return b'>From a@b Mon Jan  1 00:00:00 2024'
    if r < .61:
        return b'From a@b Mon Jan  1 00:00:00 2024 unquoted ' \
                + t     # only in a paragraph or not
    if r < .63:
        return b'From a@b Mon Jan  1 00:00:00 2024'
    if r < .68:
        return bytes(R.randrange(128, 256) for _ in range(R.randrange(1, 30)))
    if r < .72:
        return b'\0' * R.randrange(1, 20) + b'nul'
    if r < .75:
        return b'a\rb\r'
    if r < .78:
        return b'\r'
    if r < .80:
        return b'F'
    if r < .82:
        return b'Fr'
    if r < .84:
        return b'Status: in body'
    if r < .86:
        return b' \t '
    return b'line of ' + t

def header(t):
    h = []
    if R.random() < .3:
        h.append(b'Return-Path: <a@b>')
    if R.random() < .5:
        h.append(b'Received: from a by b;' + R.choice([b'\n', b'\r\n'])
                + b'\tMon, 1 Jan 2024 00:00:00 +0000')
    h.append(b'Subject: ' + t)
    if R.random() < .3:
        h.append(b'Status: ' + R.choice([b'', b'O', b'RO', b'R']))
    if R.random() < .15:
        h.append(b'X-UID: %d' % R.randrange(1000))
    if R.random() < .1:
        h.append(b'X-Status: A\n\t folded')
    if R.random() < .05:
        h.append(b'X-Huge: '
                + b'h' * R.choice([255, 1023, 65535, 65536, 70000]))
    if R.random() < .05:
        h.append(b'From nobody in the header')
    if R.random() < .05:
        h.append(b'no colon')
    if R.random() < .05:
        h.append(b'.dot: header')
    R.shuffle(h)
    return h

def size():
    r = R.random()
    if r < .55:
        return 0
    if r < .75:
        return R.randrange(1, 3000)
    if r < .90:
        return R.randrange(3000, 20000)
    if r < .985:
        return R.randrange(20000, 80000)
    return R.choice([262144, 262143, 262145, 300000, 600000])

def mail(first=False, big=True):
    """octets of a message, lines with LF; maybe no end"""
    t = tag()
    r = R.random()
    ls = [from_line(first)]
    if r < .03:
        pass                                   # only a From_ line
    elif r < .06:
        ls.append(b'')                         # From_ line, empty line
    elif r < .10:
        ls += header(t)                        # no empty line
    elif r < .14:
        ls += header(t) + [b'']
    else:
        ls += header(t) + [b'']
        for _ in range(R.randrange(0, 12)):
            ls.append(body_line(t))
        n = size() if big else 0
        if n:
            k = R.random()
            if k < .2:
                ls.append(b'L' * n)
            elif k < .3:
                ls.append(b'\0' * n)
            elif k < .4:
                ls += [b''] * (n // 3)
            else:
                ls += [(b'%06d ' % i) + b'y' * 60 for i in range(n // 68)]
    return b''.join(l + b'\n' for l in ls)

def ends(o, style):
    if style == 'crlf':
        return o.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
    if style == 'mixed':
        return b''.join(x + R.choice([b'\n', b'\r\n', b'\n'])
                for x in o.split(b'\n')[:-1]) + o.split(b'\n')[-1]
    return o

PSEUDO = (b"From MAILER-DAEMON Mon Jan  1 00:00:00 2024\n"
        b"Date: 01 Jan 2024 00:00:00 +0000\n"
        b"From: Mail System Internal Data <MAILER-DAEMON@h>\n"
        b"Subject: " + SUBJECT + b"\nX-IMAP: 1162830000 0000000123\n"
        b"Status: RO\n\nThis text is part of the internal format of your "
        b"mail folder, and is not\na real message.\n\n")

class World:
    """how mail is put together in this mailbox"""
    def __init__(w):
        w.ends = R.choice(['lf'] * 6 + ['crlf', 'mixed'])
        w.sep = R.choice(['after'] * 6 + ['before', 'none', 'random'])
        w.big = R.random() < .6
    def join(w, mails, have=b''):
        """octets to append behind have"""
        o = b''
        for m in mails:
            m = ends(m, w.ends)
            nl = b'\r\n' if w.ends == 'crlf' else b'\n'
            sep = w.sep if w.sep != 'random' else R.choice(['after', 'before',
                    'none'])
            if sep == 'after':
                o += m + nl
            elif sep == 'before':
                o += (nl if (o or have) else b'') + m
            else:
                o += m
        return o
    def initial(w):
        r = R.random()
        if r < .02:
            return b''
        if r < .03:
            return R.choice([b'F', b'\n', b'\r', b'x', b'From', b'From ',
                    b'From \n', b'\n\n', b'\r\n', b'\0'])
        if r < .04:
            return b'not an mbox\n\nFrom a@b Mon Jan  1 00:00:00 2024\n\nx\n'
        n = R.choice([1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12, 20, 40, 100])
        ms = [mail(i == 0, w.big) for i in range(n)]
        if R.random() < .3 and n > 1:
            for _ in range(R.randrange(1, 4)):
                ms[R.randrange(1, n)] = R.choice(ms[1:])
        o = w.join(ms)
        if R.random() < .1:
            o = PSEUDO + o
        if R.random() < .05:
            o = R.choice([b'\n', b'\n\n', b'\r\n', b'\n\r\n' * 3]) + o
        if R.random() < .1 and o.endswith(b'\n'):
            o = o.rstrip(b'\r\n')
        return o
