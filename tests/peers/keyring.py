"""The other side of the Secret Service, at the address in DBUS_SESSION_BUS_ADDRESS.

    keyring.py list                      the user names of tokenkeep's items, a line each
    keyring.py delete|duplicate PREFIX   what is done to the one item whose user name begins so
    keyring.py replace PREFIX            the same; its new content comes from stdin
    keyring.py serve FAULT               a service of its own that keeps items in memory and has a fault
"""

import sys

import dbus

NAME = "org.freedesktop.secrets"
ROOT = "/org/freedesktop/secrets"
SERVICE = "org.freedesktop.Secret.Service"
COLLECTION = "org.freedesktop.Secret.Collection"
ITEM = "org.freedesktop.Secret.Item"
SESSION = "org.freedesktop.Secret.Session"
PROMPT = "org.freedesktop.Secret.Prompt"
PROPERTIES = "org.freedesktop.DBus.Properties"


def main():
    command, *rest = sys.argv[1:]
    if command == "serve":
        return serve(rest[0])
    bus = dbus.SessionBus()
    service = dbus.Interface(bus.get_object(NAME, ROOT), SERVICE)
    unlocked, locked = service.SearchItems({"service": "tokenkeep"})
    items = {path: user(bus, path) for path in [*unlocked, *locked]}
    if command == "list":
        for name in sorted(items.values()):
            print(name)
        return
    [path] = [path for path, name in items.items() if name.startswith(rest[0])]
    item = dbus.Interface(bus.get_object(NAME, path), ITEM)
    if command == "delete":
        item.Delete()
        return
    _, session = service.OpenSession("plain", dbus.String("", variant_level=1))
    if command == "replace":
        item.SetSecret((session, b"", sys.stdin.buffer.read(), "application/octet-stream"))
    elif command == "duplicate":
        collection = dbus.Interface(bus.get_object(NAME, service.ReadAlias("default")), COLLECTION)
        found = {ITEM + ".Label": "a second one", ITEM + ".Attributes": attributes(bus, path)}
        collection.CreateItem(dbus.Dictionary(found, signature="sv"), item.GetSecret(session), False)
    else:
        sys.exit("no such command")


def attributes(bus, path):
    read = dbus.Interface(bus.get_object(NAME, path), PROPERTIES).Get(ITEM, "Attributes")
    return dbus.Dictionary({str(key): str(value) for key, value in read.items()}, signature="ss", variant_level=1)


def user(bus, path):
    return str(attributes(bus, path).get("username", ""))


# Faults: `none`; `silent:METHOD`, never answered; `error:METHOD`; `empty`, `short`, `other`, the
# content of each item that is read; `forgetful`, an item that is made is not there afterwards; `dismissed` and
# `unanswered`, locked with a prompt.
def serve(fault):
    import dbus.service
    from cryptography.hazmat.primitives import hashes, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from dbus.mainloop.glib import DBusGMainLoop
    from gi.repository import GLib
    import os

    prime = int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
        16,
    )
    DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    home = ROOT + "/collection/here"
    is_locked = fault in ("dismissed", "unanswered")
    kept = {}
    sessions = {}

    class Session(dbus.service.Object):
        @dbus.service.method(SESSION)
        def Close(self):
            pass

    def meant(name):
        """Does what the fault says about a method; True where it is never answered."""
        if fault == "error:" + name:
            raise dbus.exceptions.DBusException("as ordered", name="org.freedesktop.DBus.Error.Failed")
        return fault == "silent:" + name

    class Properties(dbus.service.Object):
        # Each subclass has `values`.
        @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
        def Get(self, _interface, name):
            return self.values()[name]

        @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
        def GetAll(self, _interface):
            return self.values()

    class Service(Properties):
        def values(self):
            return {"Collections": dbus.Array([home], signature="o")}

        @dbus.service.method(SERVICE, "sv", "vo", async_callbacks=("answer", "fail"))
        def OpenSession(self, algorithm, theirs, answer, fail):
            if meant("OpenSession"):
                return
            path = f"{ROOT}/session/s{len(sessions)}"
            Session(bus, path)
            sessions[path] = None
            if algorithm == "plain":
                answer(dbus.String("", variant_level=1), path)
                return
            private = int.from_bytes(os.urandom(96), "big")
            theirs = int.from_bytes(bytes(theirs), "big")
            shared = pow(theirs, private, prime).to_bytes(128, "big")
            sessions[path] = HKDF(hashes.SHA256(), 16, None, b"").derive(shared)
            ours = pow(2, private, prime).to_bytes(128, "big")
            answer(dbus.ByteArray(ours, variant_level=1), path)

        @dbus.service.method(SERVICE, "a{ss}", "aoao", async_callbacks=("answer", "fail"))
        def SearchItems(self, wanted, answer, fail):
            if meant("SearchItems"):
                return
            found = [path for path, item in kept.items() if wanted.items() <= item.attributes.items()]
            if (fault == "other" or is_locked) and not found:
                # Something answers to every name.
                found = [keep(wanted, b"").path]
            none = dbus.Array([], signature="o")
            found = dbus.Array(found, signature="o")
            answer(*((none, found) if is_locked else (found, none)))

        @dbus.service.method(SERVICE, "ao", "aoo", async_callbacks=("answer", "fail"))
        def Unlock(self, objects, answer, fail):
            if meant("Unlock"):
                return
            none = dbus.Array([], signature="o")
            answer(*((none, ROOT + "/prompt/p") if is_locked else (objects, "/")))

        @dbus.service.method(SERVICE, "s", "o", async_callbacks=("answer", "fail"))
        def ReadAlias(self, _name, answer, fail):
            if not meant("ReadAlias"):
                answer(home)

    class Prompt(dbus.service.Object):
        @dbus.service.method(PROMPT, "s", "")
        def Prompt(self, _window):
            if fault == "dismissed":
                GLib.idle_add(lambda: self.Completed(True, dbus.Array([], signature="o", variant_level=1)))

        @dbus.service.signal(PROMPT, "bv")
        def Completed(self, dismissed, result):
            pass

    class Collection(Properties):
        def values(self):
            return {
                "Items": dbus.Array(list(kept), signature="o"),
                "Label": "here",
                "Locked": dbus.Boolean(is_locked),
                "Created": dbus.UInt64(0),
                "Modified": dbus.UInt64(0),
            }

        @dbus.service.method(COLLECTION, "a{sv}(oayays)b", "oo", async_callbacks=("answer", "fail"))
        def CreateItem(self, values, secret, _replace, answer, fail):
            if meant("CreateItem"):
                return
            item = keep(values[ITEM + ".Attributes"], opened(secret))
            if fault == "forgetful":
                del kept[item.path]
            answer(item.path, "/")

    class Item(Properties):
        def __init__(self, path, wanted, content):
            super().__init__(bus, path)
            self.path, self.content = path, content
            self.attributes = {str(key): str(value) for key, value in wanted.items()}

        def values(self):
            return {
                "Locked": dbus.Boolean(is_locked),
                "Attributes": dbus.Dictionary(self.attributes, signature="ss"),
                "Label": "an item",
                "Created": dbus.UInt64(0),
                "Modified": dbus.UInt64(0),
            }

        @dbus.service.method(ITEM, "o", "(oayays)", async_callbacks=("answer", "fail"))
        def GetSecret(self, session, answer, fail):
            if meant("GetSecret"):
                return
            other = {"empty": b"", "short": b"QUJD", "other": b"A" * 44}
            answer(sealed(session, other.get(fault, self.content)))

        @dbus.service.method(ITEM, "(oayays)", "")
        def SetSecret(self, secret):
            # Nobody may write over an item that is there.
            print("overwritten", flush=True)
            self.content = opened(secret)

        @dbus.service.method(ITEM, "", "o", async_callbacks=("answer", "fail"))
        def Delete(self, answer, fail):
            if meant("Delete"):
                return
            kept.pop(self.path, None)
            answer("/")

    made = []

    def keep(wanted, content):
        item = Item(f"{home}/i{len(made)}", wanted, content)
        made.append(item)
        kept[item.path] = item
        return item

    def opened(secret):
        session, vector, content, _ = secret
        key = sessions[session]
        if key is None:
            return bytes(content)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(vector))).decryptor()
        padded = decryptor.update(bytes(content)) + decryptor.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return unpadder.update(padded) + unpadder.finalize()

    def sealed(session, content):
        key = sessions[session]
        vector = os.urandom(16)
        if key is not None:
            padder = padding.PKCS7(128).padder()
            padded = padder.update(content) + padder.finalize()
            encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
            content = encryptor.update(padded) + encryptor.finalize()
        return (dbus.ObjectPath(session), dbus.ByteArray(vector), dbus.ByteArray(content), "application/octet-stream")

    objects = [Service(bus, ROOT), Collection(bus, home), Prompt(bus, ROOT + "/prompt/p")]
    taken = dbus.service.BusName(NAME, bus)
    print("ready", flush=True)
    # With stdin the test has ended.
    GLib.io_add_watch(sys.stdin, GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
    loop = GLib.MainLoop()
    loop.run()
    del objects, taken


main()
