//! A copy of everything in one file: made while the endpoint runs, restored into either database.
//!
//! Format 1: 16 bytes that say what it is; one byte, 1 if it is sealed; if so 16 bytes of salt and 7 of nonce. Then a
//! gzip stream of rows, in a sealed file cut into pieces of 64 kB, each with its tag (STREAM, AES-256-GCM; the key is
//! Argon2id of the passphrase): no piece can be left out, moved or cut off unnoticed. A row is the place of its table
//! (one byte), then its values; 255 and the number of rows end it. Values are one byte for their type, then 8 bytes of
//! a number, or 4 of a length and as many bytes as it says, big-endian.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::stream::{DecryptorBE32, EncryptorBE32},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use crate::{
    keys,
    ledger::tables::{Cell, TABLES, TableRow},
};

const MAGIC: &[u8; 16] = b"yingke backup 1\n";
const PIECE_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
const END: u8 = 255;
/// Longer than any value of ours: a body is 64 kB at most.
const VALUE_BYTES_MAX: usize = 16 << 20;

/// Why a copy was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("this is no backup of this program")]
    Foreign,
    #[error("this backup is sealed: say the passphrase with --passphrase-file")]
    Sealed,
    #[error("the passphrase is another one, or the backup was altered")]
    Closed,
    #[error("this backup is damaged: {0}")]
    Damaged(&'static str),
}

// ---- Writing ------------------------------------------------------------------------------------------------

/// Writes rows into a file that is complete once [`Self::finish`] has returned.
pub struct Writer {
    rows: GzEncoder<Pieces>,
    count: u64,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer({} rows)", self.count)
    }
}

impl Writer {
    /// A new file, for its owner alone. Sealed if there is a passphrase.
    ///
    /// # Errors
    /// When it cannot be made, or is there already.
    pub fn create(path: &Path, passphrase: Option<&str>) -> Result<Self, BackupError> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = BufWriter::new(options.open(path)?);
        file.write_all(MAGIC)?;
        let sealing = match passphrase {
            None => {
                file.write_all(&[0])?;
                None
            }
            Some(passphrase) => {
                let (salt, nonce) = (keys::random::<16>(), keys::random::<7>());
                file.write_all(&[1])?;
                file.write_all(&salt)?;
                file.write_all(&nonce)?;
                let cipher = Aes256Gcm::new(&keys::passphrase_key(passphrase, &salt).into());
                Some(EncryptorBE32::from_aead(cipher, &nonce.into()))
            }
        };
        let pieces = Pieces { file, sealing, piece: Vec::with_capacity(PIECE_BYTES) };
        Ok(Self { rows: GzEncoder::new(pieces, Compression::new(6)), count: 0 })
    }

    /// # Errors
    /// When the disk does not take it.
    pub fn write(&mut self, (place, cells): &TableRow) -> Result<(), BackupError> {
        let mut bytes = vec![u8::try_from(*place).expect("there are fewer tables than that")];
        for cell in cells {
            match cell {
                Cell::Nothing => bytes.push(0),
                Cell::Int(number) => {
                    bytes.push(1);
                    bytes.extend(number.to_be_bytes());
                }
                Cell::Bytes(value) => put(&mut bytes, 2, value),
                Cell::Text(value) => put(&mut bytes, 3, value.as_bytes()),
            }
        }
        self.rows.write_all(&bytes)?;
        self.count += 1;
        Ok(())
    }

    /// Writes the end and waits until all of it is on the disk. Gives the number of rows.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn finish(mut self) -> Result<u64, BackupError> {
        self.rows.write_all(&[END])?;
        self.rows.write_all(&self.count.to_be_bytes())?;
        let file = self.rows.finish()?.finish()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(self.count)
    }
}

fn put(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend(u32::try_from(value.len()).expect("no value is that long").to_be_bytes());
    bytes.extend(value);
}

/// Cuts what is written into sealed pieces, or passes it on.
struct Pieces {
    file: BufWriter<File>,
    sealing: Option<EncryptorBE32<Aes256Gcm>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn finish(mut self) -> io::Result<BufWriter<File>> {
        if let Some(sealing) = self.sealing.take() {
            let sealed = sealing.encrypt_last(self.piece.as_slice()).map_err(|_| io::Error::other("it is too long"))?;
            self.file.write_all(&sealed)?;
        }
        Ok(self.file)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(sealing) = &mut self.sealing else { return self.file.write(bytes) };
        // A full piece waits until it is known that it is not the last.
        if self.piece.len() == PIECE_BYTES {
            let sealed = sealing.encrypt_next(self.piece.as_slice()).map_err(|_| io::Error::other("it is too long"))?;
            self.file.write_all(&sealed)?;
            self.piece.clear();
        }
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

// ---- Reading ------------------------------------------------------------------------------------------------

/// Reads rows until the end, and knows whether it was the end.
pub struct Reader {
    rows: BufReader<GzDecoder<Box<dyn Read + Send>>>,
    count: u64,
    ended: bool,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({} rows)", self.count)
    }
}

impl Reader {
    /// # Errors
    /// [`BackupError`]
    pub fn open(path: &Path, passphrase: Option<&str>) -> Result<Self, BackupError> {
        let mut file = BufReader::new(File::open(path)?);
        let mut head = [0; MAGIC.len() + 1];
        file.read_exact(&mut head).map_err(|_| BackupError::Foreign)?;
        if head[..MAGIC.len()] != MAGIC[..] {
            return Err(BackupError::Foreign);
        }
        let pieces: Box<dyn Read + Send> = match (head[MAGIC.len()], passphrase) {
            (0, _) => Box::new(file),
            (1, None) => return Err(BackupError::Sealed),
            (1, Some(passphrase)) => {
                let (mut salt, mut nonce) = ([0; 16], [0; 7]);
                file.read_exact(&mut salt)?;
                file.read_exact(&mut nonce)?;
                let cipher = Aes256Gcm::new(&keys::passphrase_key(passphrase, &salt).into());
                let mut opening = Opening {
                    file,
                    opening: Some(DecryptorBE32::from_aead(cipher, &nonce.into())),
                    piece: Vec::new(),
                    read: 0,
                };
                opening.next_piece().map_err(|_| BackupError::Closed)?;
                Box::new(opening)
            }
            _ => return Err(BackupError::Foreign),
        };
        Ok(Self { rows: BufReader::new(GzDecoder::new(pieces)), count: 0, ended: false })
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`BackupError::Damaged`], also when it ends too early.
    pub fn read(&mut self) -> Result<Option<TableRow>, BackupError> {
        if self.ended {
            return Ok(None);
        }
        let [place] = self.bytes()?;
        if place == END {
            if u64::from_be_bytes(self.bytes()?) != self.count {
                return Err(BackupError::Damaged("rows are missing"));
            }
            // Reads past the end, where the checksum is.
            if self.rows.read(&mut [0]).map_err(|_| BackupError::Damaged("its checksum differs"))? != 0 {
                return Err(BackupError::Damaged("something follows its end"));
            }
            self.ended = true;
            return Ok(None);
        }
        let table = TABLES.get(usize::from(place)).ok_or(BackupError::Damaged("a table of a newer version"))?;
        let cells: Vec<Cell> = table.columns.iter().map(|_| self.cell()).collect::<Result<_, _>>()?;
        if !table.fits(&cells) {
            return Err(BackupError::Damaged("a row of another table"));
        }
        self.count += 1;
        Ok(Some((usize::from(place), cells)))
    }

    fn cell(&mut self) -> Result<Cell, BackupError> {
        let [tag] = self.bytes()?;
        Ok(match tag {
            0 => Cell::Nothing,
            1 => Cell::Int(i64::from_be_bytes(self.bytes()?)),
            2 => Cell::Bytes(self.value()?),
            3 => Cell::Text(String::from_utf8(self.value()?).map_err(|_| BackupError::Damaged("a text"))?),
            _ => return Err(BackupError::Damaged("a value of no known type")),
        })
    }

    fn value(&mut self) -> Result<Vec<u8>, BackupError> {
        let length = u32::from_be_bytes(self.bytes()?) as usize;
        if length > VALUE_BYTES_MAX {
            return Err(BackupError::Damaged("a value that is too long"));
        }
        let mut value = vec![0; length];
        self.rows.read_exact(&mut value).map_err(|_| BackupError::Damaged("it breaks off"))?;
        Ok(value)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], BackupError> {
        let mut bytes = [0; N];
        self.rows.read_exact(&mut bytes).map_err(|_| BackupError::Damaged("it breaks off"))?;
        Ok(bytes)
    }
}

/// Opens sealed pieces one after the other.
struct Opening {
    file: BufReader<File>,
    opening: Option<DecryptorBE32<Aes256Gcm>>,
    piece: Vec<u8>,
    read: usize,
}

impl Opening {
    /// The last piece is the one that is not full, or after which the file ends.
    fn next_piece(&mut self) -> io::Result<()> {
        let altered = |_| io::Error::new(io::ErrorKind::InvalidData, "a piece was altered");
        let Some(mut opening) = self.opening.take() else {
            self.piece.clear();
            self.read = 0;
            return Ok(());
        };
        let mut sealed = vec![0; PIECE_BYTES + TAG_BYTES];
        let mut length = 0;
        while length < sealed.len() {
            match self.file.read(&mut sealed[length..])? {
                0 => break,
                read => length += read,
            }
        }
        let is_last = length < sealed.len() || io::BufRead::fill_buf(&mut self.file)?.is_empty();
        self.read = 0;
        if is_last {
            self.piece = opening.decrypt_last(&sealed[..length]).map_err(altered)?;
        } else {
            self.piece = opening.decrypt_next(sealed.as_slice()).map_err(altered)?;
            self.opening = Some(opening);
        }
        Ok(())
    }
}

impl Read for Opening {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() {
            self.next_piece()?;
        }
        let taken = bytes.len().min(self.piece.len() - self.read);
        bytes[..taken].copy_from_slice(&self.piece[self.read..self.read + taken]);
        self.read += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rows() -> Vec<TableRow> {
        // Beyond one piece even when it is packed.
        let row = |number: i64| {
            let chance = keys::random::<48>();
            (8, vec![Cell::Bytes(vec![1; 16]), Cell::Int(number), Cell::Bytes(chance.to_vec())])
        };
        let mut rows: Vec<TableRow> = (0..3_000).map(row).collect();
        let text = |text: &str| Cell::Text(text.into());
        rows.push((
            3,
            vec![
                Cell::Bytes(vec![]),
                Cell::Bytes(vec![2]),
                text("林悦"),
                text("x"),
                Cell::Bytes(vec![3]),
                Cell::Int(1),
                text(""),
            ],
        ));
        let number = || Cell::Int(-1);
        rows.push((
            4,
            vec![
                Cell::Bytes(vec![0]),
                number(),
                Cell::Bytes(vec![]),
                text("A"),
                Cell::Bytes(vec![]),
                number(),
                number(),
                number(),
                Cell::Nothing,
            ],
        ));
        rows
    }

    fn written(rows: &[TableRow], passphrase: Option<&str>) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let mut writer = Writer::create(&path, passphrase).unwrap();
        rows.iter().for_each(|row| writer.write(row).unwrap());
        assert_eq!(writer.finish().unwrap(), rows.len() as u64);
        (folder, path)
    }

    fn read(path: &Path, passphrase: Option<&str>) -> Result<Vec<TableRow>, BackupError> {
        let mut reader = Reader::open(path, passphrase)?;
        std::iter::from_fn(|| reader.read().transpose()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for passphrase in [None, Some("松风")] {
            let rows = rows();
            let (_folder, path) = written(&rows, passphrase);
            assert!(read(&path, passphrase).unwrap() == rows);
            assert!(matches!(Writer::create(&path, None), Err(BackupError::Io(_))), "nothing is overwritten");
        }
        let (_folder, path) = written(&[], Some("x"));
        assert!(read(&path, Some("x")).unwrap().is_empty());
    }

    #[test]
    fn a_sealed_one_needs_its_passphrase_and_shows_nothing() {
        let rows = rows();
        let (_folder, path) = written(&rows, Some("松风"));
        assert!(matches!(read(&path, None), Err(BackupError::Sealed)));
        assert!(matches!(read(&path, Some("松")), Err(BackupError::Closed)));
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows("林悦".len()).any(|window| window == "林悦".as_bytes()));
    }

    #[test]
    fn one_that_was_altered_or_cut_anywhere_is_refused() {
        for passphrase in [None, Some("松风")] {
            let rows = rows();
            let (_folder, path) = written(&rows, passphrase);
            let good = fs::read(&path).unwrap();
            let check = |bytes: &[u8], what: &str| {
                fs::write(&path, bytes).unwrap();
                assert!(read(&path, passphrase).is_err(), "{what}");
            };
            for part in 0..40 {
                let at = good.len() * part / 40;
                check(&good[..at], &format!("cut at {at}"));
                // gzip's own header has bytes that say nothing.
                if passphrase.is_some() || at > MAGIC.len() + 12 {
                    let mut bytes = good.clone();
                    bytes[at] ^= 0x40;
                    check(&bytes, &format!("altered at {at}"));
                }
            }
            check(&good[..good.len() - 1], "without its last byte");
            check(b"", "empty");
            check(b"yingke backup 2\n\0", "of another format");
            fs::write(&path, &good).unwrap();
            assert!(read(&path, passphrase).is_ok());
        }
    }
}
