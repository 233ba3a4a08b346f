#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# sasl.py LIBRARY NAME PASSWORD EXPORTER: a client of SCRAM-SHA-256-PLUS that is
# libgsasl or Cyrus SASL, whichever LIBRARY names.  EXPORTER is the value of
# tls-exporter in hex.  What the client says is printed, a line of base64 each
# time; what the server says is read so.  Exit codes: 0, the library believes
# the server; 1, it does not, or is refused; 77, it is not there.
import base64
import ctypes
import sys

library, name, password, exporter = sys.argv[1:]
name, password = name.encode(), password.encode()
exporter = bytes.fromhex(exporter)
mechanism = b"SCRAM-SHA-256-PLUS"


def load(path):
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(77)


def check(right, what):
    if not right:
        print(what, file=sys.stderr)
        sys.exit(1)


def say(octets):
    print(base64.b64encode(octets).decode(), flush=True)


def hear():
    line = sys.stdin.readline()
    if line == "":
        # It refused.
        sys.exit(1)
    return base64.b64decode(line)


def gsasl():
    lib = load("libgsasl.so.18")
    context, session = ctypes.c_void_p(), ctypes.c_void_p()
    check(lib.gsasl_init(ctypes.byref(context)) == 0, "gsasl_init")
    code = lib.gsasl_client_start(context, mechanism, ctypes.byref(session))
    if code == 2:               # GSASL_UNKNOWN_MECHANISM
        sys.exit(77)
    check(code == 0, f"gsasl_client_start: {code}")
    # GSASL_AUTHID, GSASL_PASSWORD, GSASL_CB_TLS_EXPORTER
    for key, value in ((1, name), (3, password),
                       (25, base64.b64encode(exporter))):
        lib.gsasl_property_set(session, key, value)
    heard, more = b"", 1
    while more == 1:
        out, n = ctypes.c_void_p(), ctypes.c_size_t()
        more = lib.gsasl_step(session, heard, ctypes.c_size_t(len(heard)),
                              ctypes.byref(out), ctypes.byref(n))
        check(more in (0, 1), f"gsasl_step: {more}")
        said = ctypes.string_at(out, n.value) if n.value else b""
        # Behind the server's signature the client says nothing, which is a
        # line, too.
        say(said)
        if more == 1:
            heard = hear()


class Callback(ctypes.Structure):
    _fields_ = [("id", ctypes.c_ulong), ("proc", ctypes.c_void_p),
                ("context", ctypes.c_void_p)]


class Interact(ctypes.Structure):
    _fields_ = [("id", ctypes.c_ulong), ("challenge", ctypes.c_char_p),
                ("prompt", ctypes.c_char_p), ("default", ctypes.c_char_p),
                ("result", ctypes.c_char_p), ("length", ctypes.c_uint)]


class Binding(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("critical", ctypes.c_int),
                ("length", ctypes.c_ulong), ("data", ctypes.c_char_p)]


USER, AUTHNAME, PASS = 0x4001, 0x4002, 0x4004


def cyrus():
    lib = load("libsasl2.so.2")
    callbacks = (Callback * 4)(Callback(USER), Callback(AUTHNAME),
                               Callback(PASS), Callback(0))
    check(lib.sasl_client_init(None) == 0, "sasl_client_init")
    conn = ctypes.c_void_p()
    check(lib.sasl_client_new(b"pop", b"localhost", None, None, callbacks, 0,
                              ctypes.byref(conn)) == 0, "sasl_client_new")
    binding = Binding(b"tls-exporter", 1, len(exporter), exporter)
    check(lib.sasl_setprop(conn, 21, ctypes.byref(binding)) == 0,
          "sasl_setprop: SASL_CHANNEL_BINDING")
    prompt = ctypes.POINTER(Interact)()
    out, n, chosen = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_char_p()
    answers = {USER: b"", AUTHNAME: name, PASS: password}

    def step(call):
        code = call()
        while code == 2:        # SASL_INTERACT
            i = 0
            while prompt[i].id != 0:
                prompt[i].result = answers[prompt[i].id]
                prompt[i].length = len(answers[prompt[i].id])
                i += 1
            code = call()
        if code == -4:          # SASL_NOMECH: the plugin is not there
            sys.exit(77)
        detail = ctypes.c_char_p(lib.sasl_errdetail(conn))
        check(code in (0, 1), f"Cyrus SASL: {code} {detail.value}")
        say(ctypes.string_at(out, n.value) if n.value else b"")
        return code

    lib.sasl_errdetail.restype = ctypes.c_char_p
    code = step(lambda: lib.sasl_client_start(
        conn, mechanism, ctypes.byref(prompt), ctypes.byref(out),
        ctypes.byref(n), ctypes.byref(chosen)))
    while code == 1:
        heard = hear()
        code = step(lambda: lib.sasl_client_step(
            conn, heard, len(heard), ctypes.byref(prompt), ctypes.byref(out),
            ctypes.byref(n)))


{"gsasl": gsasl, "cyrus": cyrus}[library]()
