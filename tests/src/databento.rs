//! Databento files by hand: metadata, records about orders, and definitions.

/// No price.
pub const UNDEF_PRICE: i64 = i64::MAX;
/// The flag `F_LAST`, which ends an event.
pub const LAST: u8 = 128;
/// The flags `F_SNAPSHOT` and `F_BAD_TS_RECV`.
pub const SNAPSHOT: u8 = 40;
/// A price of 1.
pub const UNIT: i64 = 1_000_000_000;

/// The metadata of a version and a schema: the instruments with their names.
#[must_use]
pub fn metadata(version: u8, schema: u16, names: &[(&str, &str)]) -> Vec<u8> {
    let symbol_length = if version == 1 { 22 } else { 71 };
    let symbol = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(symbol_length, 0);
        bytes
    };
    let mut content = b"GLBX.MDP3\0\0\0\0\0\0\0".to_vec();
    content.extend(schema.to_le_bytes());
    content.extend([0; 24]);
    content.extend([0; 8].iter().take(if version == 1 { 8 } else { 0 }));
    content.extend([1, 0, 0]);
    if version > 1 {
        content.extend(71_u16.to_le_bytes());
    }
    content.resize(100, 0);
    content.extend(0_u32.to_le_bytes());
    content.extend(1_u32.to_le_bytes());
    content.extend(symbol("ES.FUT"));
    content.extend([0; 8]);
    content.extend((names.len() as u32).to_le_bytes());
    for (name, id) in names {
        content.extend(symbol(name));
        content.extend(1_u32.to_le_bytes());
        content.extend([0; 8]);
        content.extend(symbol(id));
    }
    let mut bytes = vec![b'D', b'B', b'N', version];
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes
}

/// A record about an order.
#[derive(Clone, Copy, Debug)]
pub struct Mbo {
    /// The number of the publisher.
    pub publisher: u16,
    /// The publisher's number of the instrument.
    pub instrument: u32,
    /// The exchange's time.
    pub time: u64,
    /// The order.
    pub order: u64,
    /// The price in billionths.
    pub price: i64,
    /// The quantity.
    pub size: u32,
    /// Flags, such as [`LAST`].
    pub flags: u8,
    /// A letter.
    pub action: u8,
    /// A letter.
    pub side: u8,
}

impl Mbo {
    /// The record as a file has it.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![14, 160];
        bytes.extend(self.publisher.to_le_bytes());
        bytes.extend(self.instrument.to_le_bytes());
        bytes.extend(self.time.to_le_bytes());
        bytes.extend(self.order.to_le_bytes());
        bytes.extend(self.price.to_le_bytes());
        bytes.extend(self.size.to_le_bytes());
        bytes.extend([self.flags, 0, self.action, self.side]);
        bytes.extend(self.time.wrapping_add(7).to_le_bytes());
        bytes.extend([0; 8]);
        bytes
    }
}

/// A record of one instrument: action and side, order, price in whole units, size, flags.
#[must_use]
pub const fn mbo(code: &[u8; 2], order: u64, price: i64, size: u32, flags: u8) -> Mbo {
    let [action, side] = *code;
    let price = if price == UNDEF_PRICE { price } else { price * UNIT };
    Mbo { publisher: 1, instrument: 7, time: 5, order, price, size, flags, action, side }
}

/// A file of the newest version with these records. Instrument 7 is ESH4.
#[must_use]
pub fn file(records: &[Mbo]) -> Vec<u8> {
    let mut bytes = metadata(3, 0, &[("ESH4", "7")]);
    bytes.extend(records.iter().flat_map(|it| it.bytes()));
    bytes
}

/// A definition file of a version, which says that instrument 7 is ESM4 and has this tick in billionths.
#[must_use]
pub fn definition_file(version: u8, tick: i64) -> Vec<u8> {
    let (length, name) = match version {
        1 => (360, 200),
        2 => (400, 200),
        _ => (520, 238),
    };
    let mut record = vec![0; length];
    record[..2].copy_from_slice(&[(length / 4) as u8, 19]);
    record[2..4].copy_from_slice(&1_u16.to_le_bytes());
    record[4..8].copy_from_slice(&7_u32.to_le_bytes());
    record[24..32].copy_from_slice(&tick.to_le_bytes());
    record[name..name + 4].copy_from_slice(b"ESM4");
    [metadata(version, 9, &[]), record].concat()
}
