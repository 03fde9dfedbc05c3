"""Compares the books that we make of Databento files with a naive replay of their records, which Databento's own
decoder reads. It also writes files with Databento's own encoder.

    databento.py write FOLDER              writes files of every version, with definitions
    databento books FILE [DEFINITIONS] | databento.py compare FILE [PLACES]

`databento` is the example of the crate pricetime-recordings: `cargo run --example databento`. With definitions,
PLACES is the number of decimal places of a price. After each event the best bid and ask must be equal, and after
some events all orders with their priority. Prints how many records agree, or the first difference, and then exits
with 1.
"""

import inspect
import pathlib
import random
import subprocess
import sys
import zlib

import databento_dbn as dbn

LAST, SNAPSHOT = 128, 32
# The smallest difference of prices in the files that are written, in billionths.
TICK = 250_000_000


class Book:
    """The orders of an instrument: number -> [side, price, size], in the order of their priority."""

    def __init__(self):
        self.orders, self.filled = {}, {}
        self.levels = {"B": {}, "A": {}}

    def change(self, side, price, size):
        left = self.levels[side].get(price, 0) + size
        self.levels[side][price] = left
        if left == 0:
            del self.levels[side][price]

    def remove(self, order):
        side, price, size = self.orders.pop(order)
        self.change(side, price, -size)

    def add(self, order, side, price, size):
        self.orders[order] = [side, price, size]
        self.change(side, price, size)

    def apply(self, record):
        action, order, size = str(record.action), record.order_id, record.size
        if action == "R":
            self.__init__()
        elif action == "A":
            if order in self.orders:
                self.remove(order)
            self.add(order, str(record.side), record.price, size)
        elif action == "F":
            self.filled[order] = self.filled.get(order, 0) + size
        elif action == "C" and order in self.orders:
            side, price, old = self.orders[order]
            self.change(side, price, -min(size, old))
            self.orders[order][2] -= size
            if self.orders[order][2] <= 0:
                del self.orders[order]
        elif action == "M":
            side, price, old = self.orders.get(order, (str(record.side), None, 0))
            # It keeps its place if it shrinks. An iceberg whose visible part is used up goes to the end.
            if price == record.price and size <= old and self.filled.get(order, 0) < old:
                self.change(side, price, size - old)
                self.orders[order][2] = size
            else:
                if order in self.orders:
                    self.remove(order)
                self.add(order, side, record.price, size)
        if record.flags & LAST:
            self.filled.clear()

    def best(self, side, choose, unit):
        level = self.levels[side]
        return f"{level[choose(level)]}@{choose(level) // unit}" if level else "-"

    def line(self, whole, unit):
        text = [self.best("B", max, unit), self.best("A", min, unit)]
        if whole:
            orders = [(s == "A", p, s, n, z) for n, (s, p, z) in self.orders.items()]
            orders.sort(key=lambda it: it[:2])  # stable: priority stays
            name = {"B": "Buy", "A": "Sell"}
            all_orders = "".join(f"{name[s]} {n} {p // unit} {z}\n" for _, p, s, n, z in orders)
            text += [str(len(orders)), str(zlib.crc32(all_orders.encode()))]
        return " ".join(text)


def records(path):
    content = open(path, "rb").read()
    if content[:3] != b"DBN":
        content = subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    decoder = dbn.DBNDecoder()
    decoder.write(content)
    return [it for it in decoder.decode() if not isinstance(it, dbn.Metadata)]


class Exchange:
    """A naive exchange that reports what it does."""

    def __init__(self, seed):
        self.random, self.books, self.orders = random.Random(seed), {}, 0
        self.time, self.records = 1_700_000_000_000_000_000, []

    def report(self, instrument, *changes, flags=LAST):
        """An event. A change is action, side, order, price and size."""
        book = self.books.setdefault(instrument, Book())
        self.time += self.random.randrange(3)
        for number, (action, side, order, price, size) in enumerate(changes, 1):
            last = flags if number == len(changes) else 0
            record = dbn.MBOMsg(
                1, instrument, self.time, order, price, size, dbn.Action(action), dbn.Side(side), self.time + 5, last
            )
            self.records.append(record)
            book.apply(record)

    def step(self):
        instrument = self.random.choice([7, 8])
        book = self.books.setdefault(instrument, Book())
        side = self.random.choice("AB")
        order = self.random.choice(list(book.orders) or [0])
        # Bids are below 100 and asks above, so only trades meet other orders.
        price = (100 + (1 if side == "A" else -1) * self.random.randrange(1, 9)) * TICK
        size = self.random.randrange(1, 99)
        act = self.random.randrange(100)
        if act == 0:
            self.report(instrument, ("R", "N", 0, dbn.UNDEF_PRICE, 0))
        elif act < 40 or not book.orders:
            self.orders += 1
            self.report(instrument, ("A", side, self.orders, price, size))
        elif act < 60:
            side, price, open = book.orders[order]
            self.report(instrument, ("C", side, order, price, self.random.choice([open, min(size, open)])))
        elif act < 80:
            side, price, open = book.orders[order]
            price = self.random.choice([price, price + (TICK if side == "A" else -TICK)])
            self.report(instrument, ("M", side, order, price, self.random.choice([size, min(size, open)])))
        else:
            self.trade(instrument, book, side, size)

    def trade(self, instrument, book, side, size):
        """An order hits the best ones of the other side, and does not rest."""
        other, best = ("A", min) if side == "B" else ("B", max)
        if not book.levels[other]:
            return
        self.orders += 1
        price = best(book.levels[other])
        first, fills, changes = self.orders, [], []
        for order, (its_side, its_price, open) in list(book.orders.items()):
            if (its_side, its_price) != (other, price) or size == 0:
                continue
            part = min(size, open)
            size -= part
            fills.append(("F", other, order, price, part))
            if part < open and self.random.randrange(2):
                changes.append(("M", other, order, price, open - part))
            else:
                changes.append(("C", other, order, price, part))
        traded = sum(it[4] for it in fills)
        self.report(instrument, ("T", side, first, price, traded), *fills, *changes)


def definition(version, instrument, name):
    """A definition. Older versions need every field."""
    kind = (dbn.v1, dbn.v2, dbn.v3)[version - 1].InstrumentDefMsg
    fields = {
        "publisher_id": 1, "instrument_id": instrument, "min_price_increment": TICK, "raw_symbol": name,
        "instrument_class": dbn.InstrumentClass.FUTURE, "match_algorithm": dbn.MatchAlgorithm.FIFO,
        "security_update_action": dbn.SecurityUpdateAction.ADD,
        "user_defined_instrument": dbn.UserDefinedInstrument.NO,
    }  # fmt: skip
    text = "currency settl_currency secsubtype group exchange asset cfi security_type unit_of_measure underlying"
    fields |= {it: "" for it in [*text.split(), "strike_price_currency"]}
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is parameter.empty:
            fields.setdefault(name, 0)
    return kind(**{it: fields[it] for it in inspect.signature(kind).parameters if it in fields})


def others(version, time):
    """Records that are not about orders, and must be passed over."""
    of = (dbn.v1, dbn.v2, dbn.v3)[version - 1]
    yield of.SystemMsg(time, "heartbeat")
    yield of.ErrorMsg(time, "a warning")
    yield of.StatMsg(1, 7, time, time, time, TICK, 5, dbn.StatType.OPENING_PRICE)
    yield of.StatusMsg(1, 7, time, time)
    yield definition(version, 7, "ESH4")


def metadata(version, schema):
    names = {"symbols": ["ESH4", "NQH4"], "start": 1_700_000_000_000_000_000, "end": None, "version": version}
    return dbn.Metadata(
        dataset="GLBX.MDP3", stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID, schema=schema, **names
    ).encode()


def write(folder):
    for version in (1, 2, 3):
        exchange = Exchange(version)
        # What rested before.
        for order in range(1, 21):
            exchange.report(7, ("A", "B", 1_000_000 + order, (90 - order) * TICK, order), flags=SNAPSHOT)
        while len(exchange.records) < 3_000:
            exchange.step()
        orders = [bytes(it) for it in exchange.records]
        mixed = []
        for number, record in enumerate(orders):
            mixed.append(record)
            if number % 100 == 99:
                mixed.extend(bytes(it) for it in others(version, exchange.time))
        defined = [bytes(definition(version, id, name)) for id, name in ((7, "ESH4"), (8, "NQH4"))]
        files = {
            "mbo": metadata(version, dbn.Schema.MBO) + b"".join(orders),
            "mixed": metadata(version, None) + b"".join(mixed),
            "definition": metadata(version, dbn.Schema.DEFINITION) + b"".join(defined),
        }
        for name, content in files.items():
            pathlib.Path(folder, f"v{version}.{name}.dbn").write_bytes(content)


def compare(path, places="9"):
    unit = 10 ** (9 - int(places))
    # Our lines by instrument: [(number of the record, line)].
    ours = {}
    for text in sys.stdin:
        instrument, number, line = text.rstrip("\n").split(" ", 2)
        ours.setdefault(int(instrument), []).append((int(number), line))
    books, whole_books = {}, 0
    # Records of other types count, but have no place in a book.
    numbered = [(at, it) for at, it in enumerate(records(path), 1) if isinstance(it, dbn.MBOMsg)]
    # Some files do not mark the last event.
    ends = {(it.publisher_id, it.instrument_id): at for at, it in numbered}
    for number, record in numbered:
        key = (record.publisher_id, record.instrument_id)
        # Instruments are numbered in the order of their first records.
        instrument, book, at = books.setdefault(key, (len(books) + 1, Book(), [0]))
        book.apply(record)
        if not record.flags & (LAST | SNAPSHOT) and number != ends[key]:
            continue
        # Our state after this event is the last line up to its record. A record can leave the book as it is.
        lines = ours.get(instrument, [])
        while at[0] + 1 < len(lines) and lines[at[0] + 1][0] <= number:
            at[0] += 1
        line = lines[at[0]][1] if lines else ""
        whole = line.count(" ") == 3
        whole_books += whole
        if line != book.line(whole, unit):
            print(f"record {number}, {key}: ours {line}, theirs {book.line(whole, unit)}")
            sys.exit(1)
    print(f"{len(numbered)} records agree ({whole_books} whole books)")


{"write": write, "compare": compare}[sys.argv[1]](*sys.argv[2:])
