"""Compares the books that we make of a Databento file with a naive replay of its records, which Databento's own decoder
reads. It needs the package `databento-dbn`.

    cargo run --release --example databento -- books FILE | python3 tests/judges/databento.py FILE

After each event the best bid and ask must be equal, and after some events all orders with their priority. Prints how
many records agree, or the first difference, and then ends with exit code 1.
"""

import subprocess
import sys
import zlib

import databento_dbn as dbn

LAST, SNAPSHOT = 128, 32


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

    def best(self, side, choose):
        level = self.levels[side]
        return f"{level[choose(level)]}@{choose(level)}" if level else "-"

    def line(self, whole):
        text = [self.best("B", max), self.best("A", min)]
        if whole:
            orders = [(s == "A", p, s, n, z) for n, (s, p, z) in self.orders.items()]
            orders.sort(key=lambda it: it[:2])  # stable: priority stays
            name = {"B": "Buy", "A": "Sell"}
            all_orders = "".join(f"{name[s]} {n} {p} {z}\n" for _, p, s, n, z in orders)
            text += [str(len(orders)), str(zlib.crc32(all_orders.encode()))]
        return " ".join(text)


def records(path):
    content = open(path, "rb").read()
    if content[:3] != b"DBN":
        content = subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout
    decoder = dbn.DBNDecoder()
    decoder.write(content)
    return [it for it in decoder.decode() if isinstance(it, dbn.MBOMsg)]


def main():
    # Our lines by instrument: [(number of the record, line)].
    ours = {}
    for text in sys.stdin:
        instrument, number, line = text.rstrip("\n").split(" ", 2)
        ours.setdefault(int(instrument), []).append((int(number), line))
    books, whole_books = {}, 0
    all_records = records(sys.argv[1])
    # Some files do not mark the last event.
    ends = {(it.publisher_id, it.instrument_id): at for at, it in enumerate(all_records, 1)}
    for number, record in enumerate(all_records, 1):
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
        if line != book.line(whole):
            print(f"record {number}, {key}: ours {line}, theirs {book.line(whole)}")
            sys.exit(1)
    print(f"{len(all_records)} records agree ({whole_books} whole books)")


main()
