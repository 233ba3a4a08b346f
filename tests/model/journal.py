#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A small model of UPDATE and its journal (DESIGN section 8).

  journal.py SEEDS [FIRST]

prints for the rules as they are, and for each of them dropped or changed, how
many trials went wrong.  tests/model.t wants none for the rules as they are, and
some for each of the others: then the model can tell.

A trial is a mailbox of few short messages, many of them equal, and a few
sessions: UPDATE, a cut of the end, mail.  Anything stops at any operation: a
process dies, or the power goes, and what was not synced is kept or lost sector
by sector, the size of a file apart from its octets, and the journal apart from
the mailbox, however long ago it was written.  Mail arrives before the next one
recovers, which may be stopped as well.  What is left must be the mailbox of
before or that of after, and the mail.

A sector has 4 octets here and a page 8; what tells a cut mailbox from one that
is not, NONCE.  A message begins with F, which stands for "From ".
"""
import random
import sys

SECTOR, PAGE, NONCE = 4, 8, 4


class Crash(Exception):
    pass


class Unbelieved(Exception):
    pass


class Disk:
    """A mailbox and a journal, of which every operation may be the last."""

    def __init__(self, octets, rng):
        self.rng, self.left = rng, 10 ** 9
        self.history = [bytearray(octets)]  # since the last fsync
        self.journal, self.pending = {}, []

    def tick(self):
        self.left -= 1
        if self.left < 0:
            raise Crash

    @property
    def box(self):
        return self.history[-1]

    def write(self, at, octets):
        self.tick()
        new = bytearray(self.box)
        if at > len(new):
            new += b'\0' * (at - len(new))
        new[at:at + len(octets)] = octets
        self.history.append(new)

    def cut(self, n):
        self.tick()
        # The rest of the page is NUL before the file is shorter, perhaps.
        page = min(-(-n // PAGE) * PAGE, len(self.box))
        new = bytearray(self.box)
        new[n:page] = b'\0' * (page - n)
        self.history += [new, bytearray(self.box[:n])]

    def sync(self):
        self.tick()
        self.history = [self.box]

    def put(self, key, value):
        self.tick()
        self.pending.append((key, value))

    def empty(self):
        self.put(None, None)

    def sync_journal(self):
        self.tick()
        self.journal, self.pending = self.read_journal(), []

    def read_journal(self):
        journal = dict(self.journal)
        for key, value in self.pending:
            self.change(journal, key, value)
        return journal

    @staticmethod
    def change(journal, key, value):
        if key is None:
            journal.clear()
        else:
            journal[key] = value

    def power(self):
        """What was not synced is there or not, or, in the journal, torn."""
        rng = self.rng
        n = len(rng.choice(self.history))
        out = bytearray(n)
        for at in range(0, n, SECTOR):
            images = [i for i in self.history if len(i) > at]
            part = bytes(rng.choice(images)[at:at + SECTOR]) if images else b''
            room = min(SECTOR, n - at)
            out[at:at + room] = part[:room] + b'\0' * (room - len(part))
        self.history = [out]
        for key, value in self.pending:
            luck = rng.random()
            if luck < .4:
                self.change(self.journal, key, value)
            elif luck < .6 and key is not None:
                self.journal[key] = None
        self.pending = []


def sources(plan, size):
    """Where each octet of the new mailbox is in the old one."""
    runs = plan['runs'] + [(plan['size'], size - plan['size'])]
    return [i for at, n in runs for i in range(at, at + n)]


def gather(disk, where, start, end):
    return bytes(disk.box[i] for i in where[start:end])


def put_slot(disk, plan, seq, **slot):
    slot.update(seq=seq, id=plan['id'])
    disk.put('s%d' % (seq & 1), slot)
    disk.sync_journal()


def clear(disk, synced=True):
    disk.empty()
    if synced:
        disk.sync_journal()


def is_border(octets):
    return octets.lstrip(b'\n')[:1] in (b'', b'F')


def update(disk, runs, window, rules):
    size = len(disk.box)
    plan = {'size': size, 'runs': runs, 'id': disk.rng.random()}
    where = sources(plan, size)
    end = len(where)
    start = next(i for i in range(end + 1) if i == end or where[i] != i)
    mark = bytes(disk.box[end:end + NONCE])
    if 'nofirst' not in rules:
        disk.sync()
    disk.put('plan', plan)
    if end - start > window or (is_border(mark) and 'border' not in rules):
        return move(disk, plan, 0, 0, size, window, rules)
    page = min(-(-end // PAGE) * PAGE, size)
    new = gather(disk, where, start, end)
    slot = dict(phase='SHORT', at=start, to=end, data=new, size=size,
                old=bytes(disk.box[start:end]), nonce=mark,
                rest=bytes(disk.box[page:size]))
    if 'early' in rules:
        disk.put('s0', dict(slot, seq=0, id=plan['id']))
    else:
        put_slot(disk, plan, 0, **slot)
    half = len(new) // 2
    disk.write(start, new[:half])
    disk.write(start + half, new[half:])
    disk.cut(end)
    disk.sync()
    # NUL that a cut leaves could be those of mail that was torn later.
    clear(disk, size - page < SECTOR)


def move(disk, plan, seq, at, size, window, rules):
    """The long way, from the octet ${at} of the new mailbox on."""
    where = sources(plan, size)
    end = len(where)
    while at < end and where[at] == at:
        at += 1
    while at < end:
        gap = where[at] - at
        to, data = min(end, at + gap), None
        if gap < window:
            to = min(end, at + window)
            data = gather(disk, where, at, to)
        put_slot(disk, plan, seq, phase='COPY', at=at, to=to, data=data,
                 size=size)
        seq += 1
        octets = data if data is not None else gather(disk, where, at, to)
        half = len(octets) // 2
        disk.write(at, octets[:half])
        disk.write(at + half, octets[half:])
        disk.sync()
        at = to
    if end < len(disk.box):
        nonce = bytes(disk.rng.randrange(128, 256) for _ in range(NONCE))
        put_slot(disk, plan, seq, phase='MARK', at=end, size=size)
        disk.write(end, nonce)
        disk.sync()
        put_slot(disk, plan, seq + 1, phase='TRUNC', at=end, size=size,
                 nonce=nonce)
        disk.cut(end)
        disk.sync()
    clear(disk)


def has_nonce(box, slot, at):
    return len(box) >= slot['size'] and all(
        a in (b, 0) for a, b in zip(box[at:at + NONCE], slot['nonce']))


def recover(disk, window, rules):
    journal = disk.read_journal()
    plan = journal.get('plan')
    slots = [s for s in (journal.get('s0'), journal.get('s1'))
             if s and plan and s['id'] == plan['id']]
    if not slots:
        return clear(disk)
    disk.sync()
    disk.sync_journal()
    slot = max(slots, key=lambda s: s['seq'])
    box, seq, at = disk.box, slot['seq'] + 1, slot['at']
    size = len(box)
    if slot['phase'] == 'SHORT':
        return recover_short(disk, plan, slot, window, rules)
    if slot['phase'] == 'TRUNC':
        if not has_nonce(box, slot, at):
            return clear(disk)
        if size == slot['size']:
            disk.cut(at)
            disk.sync()
            return clear(disk)
    elif size < slot['size']:
        raise Unbelieved
    if slot['phase'] == 'COPY':
        octets = slot['data']
        if octets is None:
            octets = gather(disk, sources(plan, slot['size']), at, slot['to'])
        disk.write(at, octets)
        disk.sync()
        at = slot['to']
    return go_on(disk, plan, seq, at, size, window, rules)


def go_on(disk, plan, seq, at, size, window, rules):
    put_slot(disk, plan, seq, phase='COPY', at=at, to=at, data=b'', size=size)
    return move(disk, plan, seq + 1, at, size, window, rules)


def recover_short(disk, plan, slot, window, rules):
    box, start, end = disk.box, slot['at'], slot['to']
    page = min(-(-end // PAGE) * PAGE, slot['size'])
    if len(box) < end or any(c not in (a, b) for a, b, c in
                             zip(slot['old'], slot['data'], box[start:end])):
        raise Unbelieved
    whole = (has_nonce(box, slot, end) and
             box[page:slot['size']] == slot['rest'])
    if 'size' in rules:
        whole = len(box) >= slot['size']
    if whole or 'trust' not in rules:
        disk.write(start, slot['data'])
        disk.sync()
    if not whole:
        return clear(disk)
    if 'noseal' in rules:
        # The next data takes the place of the old octets: the slot is torn.
        disk.put('s0', None)
        return move(disk, plan, slot['seq'] + 1, end, len(box), window, rules)
    return go_on(disk, plan, slot['seq'] + 1, end, len(box), window, rules)


class Trial:
    def __init__(self, seed, rules):
        self.rng, self.rules = random.Random(seed), rules
        rng = self.rng
        self.equal = rng.random() < .5
        self.kinds = [self.text() for _ in range(rng.randrange(1, 4))]
        self.messages = [self.message() for _ in range(rng.randrange(2, 8))]
        self.disk = Disk(b''.join(self.messages), rng)

    def text(self):
        rng = self.rng
        body = (b'a' * 30 if rng.random() < .3 else
                bytes(rng.choice(b'ab') for _ in range(30)))
        return b'F' + body[:rng.randrange(4, 30)]

    def message(self):
        return (self.rng.choice(self.kinds) if self.equal or
                self.rng.random() < .3 else self.text())

    def deliver(self, synced=True):
        message = self.message()
        if self.rng.random() < .1:
            message = b'\n' + message
        self.disk.history.append(self.disk.box + message)
        if synced:
            self.disk.history = [self.disk.box]
        return message

    def crashed(self, window):
        """Stop, recover, stop, ...  Returns the mail that arrived."""
        rng, disk, mail = self.rng, self.disk, []
        for _ in range(rng.randrange(4)):
            if rng.random() < .6:
                disk.power()
            for _ in range(rng.randrange(3)):
                mail.append(self.deliver())
            disk.left = rng.randrange(30)
            try:
                recover(disk, window, self.rules)
                break
            except Crash:
                pass
        disk.left = 10 ** 9
        recover(disk, window, self.rules)
        return mail

    def session(self):
        """One session.  Returns whether the mailbox is as it may be."""
        rng, disk, before = self.rng, self.disk, self.messages
        window = rng.choice([5, 8, 16, 40, 1000])
        loose = rng.random() < .2
        if loose:
            before = before + [self.deliver(False)]
        keep = [rng.random() < rng.choice([.1, .6, .9]) for _ in before]
        if rng.random() < .2:
            keep = [i < len(keep) // 2 for i in range(len(keep))]
        after = [m for m, k in zip(before, keep) if k]
        tail = keep == sorted(keep, reverse=True)
        runs, at = [], 0
        for m, k in zip(before, keep):
            runs += [(at, len(m))] if k else []
            at += len(m)
        disk.left = rng.choice([10 ** 9, rng.randrange(40)])
        mail, stopped = [], False
        try:
            if all(keep):
                pass
            elif tail:
                # No journal; but one that was cleared may still be there.
                if 'cut' not in self.rules:
                    disk.sync_journal()
                disk.sync()
                page = disk.box[:len(b''.join(after))]
                disk.tick()
                disk.history = [page]
            else:
                update(disk, runs, window, self.rules)
            disk.left = 10 ** 9
        except Crash:
            stopped = True
            mail = self.crashed(window)
        got = bytes(disk.box)
        for messages in (after, before) if stopped else (after,):
            if got == b''.join(messages + mail):
                self.messages = messages + mail
                return True
        if loose and stopped:
            # Mail that was not synced may go with the power.
            head, end = b''.join(before[:-1]), b''.join(mail)
            self.messages = None
            return (got.startswith(head) and got.endswith(end) and
                    len(got) <= len(head) + len(before[-1]) + len(end))
        return False

    def torn(self):
        """Mail that was not synced goes with the power, in part; what arrives
        then is whole."""
        disk, head = self.disk, b''.join(self.messages)
        part = self.deliver(False)[:self.rng.randrange(1, 12)]
        disk.history = [head, head + bytes(len(part)), head + part]
        disk.power()
        mail = [self.deliver() for _ in range(self.rng.randrange(1, 4))]
        disk.left = 10 ** 9
        recover(disk, 16, self.rules)
        got, end = bytes(disk.box), b''.join(mail)
        return (got.startswith(head) and got.endswith(end) and
                len(got) <= len(head) + len(part) + len(end))

    def run(self):
        rng, disk = self.rng, self.disk
        for _ in range(rng.randrange(1, 5)):
            if not self.session():
                return False
            if self.messages is None:
                return True
            for _ in range(rng.choice([0, 0, 1, 2, 4])):
                self.messages.append(self.deliver())
            disk.history = [disk.box]
            if rng.random() < .3:
                # Long after: what was never synced is seen again.
                disk.power()
                disk.left = rng.choice([10 ** 9, rng.randrange(10)])
                try:
                    recover(disk, 16, self.rules)
                    disk.left = 10 ** 9
                except Crash:
                    self.messages += self.crashed(16)
                if bytes(disk.box) != b''.join(self.messages):
                    return False
        return self.torn()


RULES = [
    ('as it is', ()),
    ('no fsync of the mailbox first', ('nofirst',)),
    ('the journal is not synced first', ('early',)),
    ('the short way where a message begins at the new end', ('border',)),
    ('the size alone tells that it was cut', ('size',)),
    ('what is cut is believed to be moved', ('trust',)),
    ('no slot between the short way and the long one', ('noseal',)),
    ('a cut does not sync a cleared journal', ('cut',)),
]


def main():
    count = int(sys.argv[1])
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for name, rules in RULES:
        bad = unbelieved = 0
        example = None
        for seed in range(first, first + count):
            try:
                fine = Trial(seed, rules).run()
            except Unbelieved:
                fine = False
                unbelieved += 1
            if not fine:
                bad += 1
                example = example or seed
        print('%-52s trials %d bad %d unbelieved %d%s' % (
            name, count, bad, unbelieved,
            '' if example is None else ' seed %d' % example))


if __name__ == '__main__':
    main()
