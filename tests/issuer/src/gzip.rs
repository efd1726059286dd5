//! A gzip body that is small on the wire and large once inflated.

/// Matches of 258 bytes: with the fixed codes of RFC 1951 each costs 13 bits, so that 60 kB inflate to ten megabytes.
const MATCHES: usize = 38_000;
const MATCH_LENGTH: usize = 258;

/// Compresses a JSON object with megabytes of spaces before its last brace: a client that inflates without a bound
/// reads a good answer in the end.
pub(crate) fn bomb(object: &[u8]) -> Vec<u8> {
    let (start, end) = object.split_at(object.len() - 1);
    let mut bits = Bits::default();
    bits.push(1, 1); // the last block
    bits.push(0b01, 2); // with fixed codes
    for &byte in start {
        bits.literal(byte);
    }
    bits.literal(b' ');
    for _ in 0..MATCHES {
        bits.code(0b1100_0101, 8); // length 258
        bits.code(0, 5); // distance 1
    }
    for &byte in end {
        bits.literal(byte);
    }
    bits.code(0, 7); // end of block

    let mut inflated = start.to_vec();
    inflated.resize(start.len() + 1 + MATCHES * MATCH_LENGTH, b' ');
    inflated.extend_from_slice(end);
    let length = u32::try_from(inflated.len()).expect("about ten megabytes");

    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend(bits.bytes);
    gzip.extend(crc32(&inflated).to_le_bytes());
    gzip.extend(length.to_le_bytes());
    gzip
}

/// Bits in the order of RFC 1951 section 3.1.1.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// A number, least significant bit first.
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("a byte was pushed for the first bit");
            *last |= u8::from(value >> bit & 1 == 1) << (self.used % 8);
            self.used += 1;
        }
    }

    /// A Huffman code, most significant bit first.
    fn code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }

    fn literal(&mut self, byte: u8) {
        match byte {
            0..=143 => self.code(0x30 + u32::from(byte), 8),
            144.. => self.code(0x190 + u32::from(byte) - 144, 9),
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(index as u32, |value, _| if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 })
    });
    !bytes.iter().fold(!0, |crc: u32, &byte| table[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}
