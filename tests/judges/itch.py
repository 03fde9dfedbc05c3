"""Compares three other decoders of ITCH 5.0 with ours, and decodes what two other encoders write.

    itch.py write FOLDER      writes a file with each encoder
    itch.py compare FOLDER    compares all files

tests/tests/judges.rs adds files that our encoder writes, and for each NAME.itch its messages as we decode them
(NAME.fields) and the best prices after each message (NAME.book). `compare` prints what agrees. At the first
difference it prints that and exits with 1.
"""

import ast
import datetime
import os
import pathlib
import random
import re
import struct
import sys

sys.path.pop(0)  # The package of itchfeed is called like this file.
os.environ["ITCH_NO_CPP"] = "1"  # Otherwise itchfeed is itchcpp.
import itch.messages
import itch.parser
import itch_book
import itchcpp.messages
import itchcpp.parser

# The attributes that itchcpp and itchfeed give the fields of each type, in the order of the message.
FIELDS = {
    "S": "event_code",
    "R": "stock market_category financial_status_indicator round_lot_size round_lots_only issue_classification "
    "issue_sub_type authenticity short_sale_threshold_indicator ipo_flag luld_ref etp_flag etp_leverage_factor "
    "inverse_indicator",
    "H": "stock trading_state reserved reason",
    "Y": "stock reg_sho_action",
    "L": "mpid stock primary_market_maker market_maker_mode market_participant_state",
    "V": "level1_price level2_price level3_price",
    "W": "breached_level",
    "K": "stock ipo_release_time ipo_release_qualifier ipo_price",
    "J": "stock auction_collar_reference_price upper_auction_collar_price lower_auction_collar_price "
    "auction_collar_extention",
    "h": "stock market_code operational_halt_action",
    "A": "order_reference_number buy_sell_indicator shares stock price",
    "F": "order_reference_number buy_sell_indicator shares stock price attribution",
    "E": "order_reference_number executed_shares match_number",
    "C": "order_reference_number executed_shares match_number printable execution_price",
    "X": "order_reference_number cancelled_shares",
    "D": "order_reference_number",
    "U": "order_reference_number new_order_reference_number shares price",
    "P": "order_reference_number buy_sell_indicator shares stock price match_number",
    "Q": "shares stock cross_price match_number cross_type",
    "B": "match_number",
    "I": "paired_shares imbalance_shares imbalance_direction stock far_price near_price current_reference_price "
    "cross_type variation_indicator",
    "N": "stock interest_flag",
    "O": "stock open_eligibility_status minimum_allowable_price maximum_allowable_price near_execution_price "
    "near_execution_time lower_price_range_collar upper_price_range_collar",
}
# The columns that itch-book gives them in its tables, as COLUMN=FIELD, with our names of the fields.
TABLES = {
    "messages": {
        "A": "order_id=order side=side size=shares price=price",
        "F": "order_id=order side=side size=shares price=price",
        "E": "order_id=order size=shares",
        "C": "order_id=order size=shares price=price printable=printable",
        "X": "order_id=order size=shares",
        "D": "order_id=order",
        "U": "old_order_id=order order_id=new_order size=shares price=price",
    },
    "trades": {
        "E": "order_id=order size=shares match_number=match_number",
        "C": "order_id=order size=shares match_number=match_number price=price",
        "P": "size=shares match_number=match_number price=price",
        "Q": "size=shares match_number=match_number price=price cross_type=cross",
        "B": "match_number=match_number",
    },
    "noii": {
        "I": "paired=paired imbalance=imbalance direction=direction far_px=far_price near_px=near_price "
        "ref_px=reference_price cross_type=cross variation=variation"
    },
    "halts": {"H": "state=state reason=reason", "h": "state=action market=market"},
    "reg_sho": {"Y": "action=action"},
    "luld": {"J": "ref_px=reference_price upper_px=upper_price lower_px=lower_price extension=extension"},
    "system_events": {"S": "event=event"},
}
# The codes that we decode to something else.
CODES = {
    "MessagesBegin": "O", "SystemOpens": "S", "MarketOpens": "Q", "MarketCloses": "M", "SystemCloses": "E",
    "MessagesEnd": "C", "Halted": "H", "Paused": "P", "Quoting": "Q", "Trading": "T", "Halt": "H", "Resume": "T",
    "Buy": "B", "Sell": "S", "true": "Y", "false": "N",
}  # fmt: skip
TYPES = {
    "SystemEvent": "S", "StockDirectory": "R", "TradingAction": "H", "ShortSaleRestriction": "Y",
    "ParticipantPosition": "L", "BreakerLevels": "V", "BreakerStatus": "W", "QuotationRelease": "K",
    "AuctionCollar": "J", "OperationalHalt": "h", "AddOrder": "A", "AddAttributedOrder": "F", "OrderExecuted": "E",
    "OrderExecutedWithPrice": "C", "OrderCancel": "X", "OrderDelete": "D", "OrderReplace": "U", "Trade": "P",
    "CrossTrade": "Q", "BrokenTrade": "B", "Imbalance": "I", "RetailInterest": "N", "DirectListing": "O",
}  # fmt: skip


def differ(where, ours, theirs):
    print(f"{where}:\n  ours   {ours}\n  theirs {theirs}")
    sys.exit(1)


def value(text):
    if text.startswith('"'):
        return ast.literal_eval("b" + text)
    return int(text) if text.isdigit() else CODES[text].encode()


def ours(line):
    """A line of our fields: the type, and the fields with their names."""
    header, kind, body = re.fullmatch(r"Message { (.*), body: (\w+)\(\w+ { (.*) }\) }", line).groups()
    header = re.fullmatch(r"locate: (\d+), tracking: (\d+), time: Time\((\d+)\)", header).groups()
    fields = re.findall(r'(\w+): ("(?:[^"\\]|\\.)*"|\w+)', body)
    return TYPES[kind], [int(it) for it in header], {name: value(text) for name, text in fields}


def compare_messages(path, messages):
    """Every field of every message, with itchcpp and itchfeed."""
    for name, parser in (("itchcpp", itchcpp.parser), ("itchfeed", itch.parser)):
        count = 0
        for count, found in enumerate(parser.MessageParser().parse_stream(path.read_bytes()), 1):
            kind, header, fields = messages[count - 1]
            names = ["message_type", "stock_locate", "tracking_number", "timestamp", *FIELDS[kind].split()]
            theirs = [getattr(found, it) for it in names]
            expected = [kind.encode(), *header, *fields.values()]
            if theirs != expected:
                differ(f"{path.name}: {name}: message {count}", expected, theirs)
        if count != len(messages):
            differ(f"{path.name}: {name}", f"{len(messages)} messages", f"{count} messages")
        print(f"{path.name}: {name}: {count} messages agree")


def compare_tables(path, messages, batch):
    """Every row of the tables of itch-book, and that no row is missing."""
    rows = 0
    for table, types in TABLES.items():
        columns = getattr(batch, table)
        seen = {int(it) for it in columns["seq"]}
        for at, number in enumerate(columns["seq"]):
            kind, header, fields = messages[int(number) - 1]
            fields = {"locate": header[0]} | fields
            pairs = [it.split("=") for it in types[kind].split()]
            if "locate" in columns:
                pairs.append(["locate", "locate"])
            expected = [fields[field] for _, field in pairs]
            theirs = [columns[column][at].item() for column, _ in pairs]
            # NumPy cuts zeros at the end of text.
            theirs = [(b"N", b"Y")[it] if isinstance(it, bool) else it for it in theirs]
            expected = [it.rstrip(b"\0") if isinstance(it, bytes) else it for it in expected]
            if theirs != expected:
                differ(f"{path.name}: itch-book: {table}: message {number}", expected, theirs)
        for number, (kind, _, _) in enumerate(messages, 1):
            # Executions of unknown orders and non-printable ones are not in its trades.
            if kind in types and number not in seen and (table, kind) not in {("trades", "E"), ("trades", "C")}:
                differ(f"{path.name}: itch-book: {table}: message {number}", messages[number - 1], "no row")
        rows += len(seen)
    print(f"{path.name}: itch-book: {rows} rows of messages agree")


def compare_symbols(path, messages, batch):
    """The last directory entry of each locate code. itch-book decodes its text, and `round_lots_only` to a bool."""
    expected = {header[0]: list(fields.values()) for kind, header, fields in messages if kind == "R"}
    plain = lambda it: it.rstrip(" ") if isinstance(it, str) else it
    for locate, *theirs in zip(*batch.symbols.values()):
        ours = [it.decode() if isinstance(it, bytes) else it for it in expected.pop(locate)]
        ours[4] = ours[4] == "Y"
        if [plain(it) for it in ours] != [plain(it) for it in theirs]:
            differ(f"{path.name}: itch-book: symbol {locate}", ours, theirs)
    if expected:
        differ(f"{path.name}: itch-book", f"symbols {list(expected)}", "no rows")


def compare_book(path, batch):
    columns = ["seq", "locate", "bid_px", "bid_sz", "ask_px", "ask_sz", "bid_ct", "ask_ct"]
    theirs = list(zip(*(batch.bbo[it].tolist() for it in columns)))
    lines = path.with_suffix(".book").read_text().splitlines()
    ours = [tuple(int(it) for it in line.split()) for line in lines]
    for one, other in zip(ours, theirs):
        if one != other:
            differ(f"{path.name}: itch-book: {' '.join(columns)}", one, other)
    if len(ours) != len(theirs):
        differ(f"{path.name}: itch-book", f"{len(ours)} best prices", f"{len(theirs)} best prices")
    print(f"{path.name}: itch-book: {len(ours)} changes of the best prices agree")


def meant():
    """Messages of every type as the arguments of the encoders: the type, and its fields with their names."""
    source = random.Random(6)
    codes = {
        "event_code": b"OSQME", "trading_state": b"HPQT", "operational_halt_action": b"HT",
        "buy_sell_indicator": b"BS", "printable": b"YN",
    }  # fmt: skip
    for kind in sorted(FIELDS) * 50:
        layout = itch.messages.messages[kind.encode()].message_format
        # The header ends with the two parts of the time.
        sizes = re.findall(r"(\d*)([csHIQ])", layout)[4:]
        fields = {"stock_locate": source.randrange(1 << 16), "tracking_number": source.randrange(1 << 16)}
        fields["timestamp"] = source.randrange(86_400_000_000_000)
        for name, (count, code) in zip(FIELDS[kind].split(), sizes):
            length = struct.calcsize("!" + count + code)
            if code in "cs":
                # itch-book decodes some text, so it must be text.
                fields[name] = bytes(source.randrange(33, 127) for _ in range(length))
            else:
                fields[name] = source.randrange(1 << 8 * length)
            if name in codes or (kind, name) == ("Q", "cross_type"):
                fields[name] = bytes([source.choice(codes.get(name, b"OCHI"))])
        yield kind, fields


ENCODERS = {"by_itchcpp": itchcpp.messages.create_message, "by_itchfeed": itch.messages.create_message}


def write(folder):
    for name, encode in ENCODERS.items():
        messages = [encode(kind.encode(), **fields).to_bytes() for kind, fields in meant()]
        framed = b"".join(len(it).to_bytes(2, "big") + it for it in messages)
        (folder / f"{name}.itch").write_bytes(framed)


def compare_meant(path, messages):
    """Every field of a file that another encoder wrote, with what it was given."""
    for number, ((kind, fields), (ours_kind, header, ours)) in enumerate(zip(meant(), messages, strict=True), 1):
        expected, found = [kind, *fields.values()], [ours_kind, *header, *ours.values()]
        if expected != found:
            differ(f"{path.name}: meant: message {number}", found, expected)
    print(f"{path.name}: meant: {len(messages)} messages agree")


def compare(folder):
    for path in sorted(folder.glob("*.itch")):
        messages = [ours(line) for line in path.with_suffix(".fields").read_text().splitlines()]
        if path.stem in ENCODERS:
            compare_meant(path, messages)
        compare_messages(path, messages)
        feed = itch_book.open(str(path), date=datetime.date(2020, 1, 30), price_type="fixed")
        try:
            [batch] = feed.batches(tables=(*TABLES, "symbols", "bbo"), rows=1 << 20)
        except ValueError as error:
            if "truncated" not in str(error):
                raise
            print(f"{path.name}: itch-book: reads no file that is cut off")
            continue
        compare_tables(path, messages, batch)
        compare_symbols(path, messages, batch)
        if path.stem in ENCODERS or path.stem == "every_type":
            print(f"{path.name}: itch-book: refuses the random quantities and prices, so its book is not compared")
        else:
            compare_book(path, batch)


{"write": write, "compare": compare}[sys.argv[1]](pathlib.Path(sys.argv[2]))
