//! An answer of 66 KB that becomes one of 68 MB once it is unpacked.
//!
//! One layer of gzip makes at most a thousandth of a text. This one is written by hand: the answer as it is, and then a
//! block of two symbols of one bit each, "the last byte, 258 times more" and "the end". So a byte of `0x55` is four times
//! the first, and 1032 blanks.

/// The header of gzip, and a stored block of `{"data":null} `.
const BEGINNING: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\0\x0e\0\xf1\xff{\"data\":null} ";

/// The head of the other block, with the lengths of its codes, and the first 774 blanks.
const CODES: [u8; 13] = [0xed, 0xc0, 0x81, 0, 0, 0, 0, 0, 0x90, 0xff, 0x6b, 0x23, 0x54];

/// 1032 blanks.
const BLANKS: u8 = 0x55;

/// How many of them there are.
const COUNT: usize = 66_000;

/// The end of the block, and the checksum and length of all that was packed.
const END: [u8; 9] = [0, 0x72, 0xdb, 0x17, 0x26, 0x94, 0x51, 0x0f, 0x04];

/// Makes the bytes of the answer, with its header.
pub(crate) fn bomb() -> Vec<u8> {
    let body = [BEGINNING, &CODES, &[BLANKS].repeat(COUNT), &END].concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Encoding: gzip\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
