//! Reads a ledger: a CSV file with one transfer a row, which is refused as a whole if any row is malformed.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::csv::{self, Field};

/// The most that one account may pay and receive over a whole ledger, and the largest opening balance.
///
/// Twice this is below `i64::MAX`, so no balance overflows, in whatever order the transfers are applied.
pub const LIMIT: i64 = (1 << 62) - 1;

/// One row of a ledger. A negative amount in the file has become a positive one that moves the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The number of the account that pays.
    pub payer: usize,
    /// The number of the account that receives; it may be the payer.
    pub payee: usize,
    /// What is moved; never negative.
    pub amount: i64,
}

impl Transfer {
    /// Says whether payer and payee are one account.
    pub fn is_to_self(&self) -> bool {
        self.payer == self.payee
    }
}

/// The transfers of a file in their order, and the accounts they name, numbered as they first appear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The name of each account.
    pub accounts: Vec<String>,
    /// The rows.
    pub transfers: Vec<Transfer>,
}

/// Why a ledger was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file could not be read.
    Unreadable {
        /// The file as the user named it.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what it should be.
    Malformed {
        /// The file as the user named it.
        file: String,
        /// The line, counted from one.
        line: usize,
        /// The column, counted from one in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The file has no rows.
    Empty {
        /// The file as the user named it.
        file: String,
    },
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => write!(f, "{file}: {source}"),
            Self::Malformed { file, line, column, message } => write!(f, "{file}:{line}:{column}: {message}"),
            Self::Empty { file } => write!(f, "{file}: there are no transfers in it"),
        }
    }
}

impl std::error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Malformed { .. } | Self::Empty { .. } => None,
        }
    }
}

impl Ledger {
    /// Reads the ledger in the file at `path`.
    pub fn load(path: &Path) -> Result<Self, LedgerError> {
        let file = path.display().to_string();
        match fs::read(path) {
            Ok(bytes) => Self::parse(&file, &bytes),
            Err(source) => Err(LedgerError::Unreadable { file, source }),
        }
    }

    /// Reads a ledger from memory; `file` names it in errors.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::default();
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let read = utf8(line).and_then(|line| reader.line(line));
            read.map_err(|Problem { column, message }| LedgerError::Malformed {
                file: file.to_owned(),
                line: index + 1,
                column,
                message,
            })?;
        }
        if reader.ledger.transfers.is_empty() {
            let file = file.to_owned();
            return Err(LedgerError::Empty { file });
        }
        Ok(reader.ledger)
    }
}

/// What is wrong with a line, and at which column.
struct Problem {
    column: usize,
    message: String,
}

impl Problem {
    fn at(line: &str, offset: usize, message: impl Into<String>) -> Self {
        Self { column: csv::column(line, offset), message: message.into() }
    }
}

fn utf8(line: &[u8]) -> Result<&str, Problem> {
    str::from_utf8(line).map_err(|error| {
        let valid = String::from_utf8_lossy(&line[..error.valid_up_to()]);
        Problem::at(&valid, valid.len(), "text is not valid UTF-8")
    })
}

/// Where the columns that matter are.
#[derive(Clone, Copy)]
struct Columns {
    from: usize,
    to: usize,
    amount: usize,
    /// How many fields every row has, those that do not matter included.
    count: usize,
}

impl Columns {
    /// Takes the first line of a file for its header; `None` if it is a transfer already.
    ///
    /// It is a header if it names a column and holds no number; anything else is read, and reported, as a transfer.
    fn from_header(line: &str, fields: &[Field<'_>]) -> Result<Option<Self>, Problem> {
        let names: Vec<_> = fields.iter().map(|field| field.text.to_lowercase()).collect();
        let known = |name: &String| ROLES.iter().any(|role| role.contains(&name.as_str()));
        let number = |name: &String| name.parse::<i64>().is_ok();
        if !names.iter().any(known) || names.iter().any(number) {
            return Ok(None);
        }
        let find = |[name, alias]: [&str; 2]| {
            let mut found = (0..names.len()).filter(|&at| names[at] == name || names[at] == alias);
            let missing = || format!("header has no column \"{name}\" (or \"{alias}\")");
            let column = found.next().ok_or_else(|| Problem::at(line, line.len(), missing()))?;
            match found.next() {
                None => Ok(column),
                Some(again) => {
                    let message = format!("header has a second column for \"{name}\"");
                    Err(Problem::at(line, fields[again].offset, message))
                }
            }
        };
        let [from, to, amount] = ROLES;
        Ok(Some(Self { from: find(from)?, to: find(to)?, amount: find(amount)?, count: fields.len() }))
    }

    /// The columns of a file without a header: from, to, amount, and perhaps a time, which is not looked at.
    fn by_position(fields: &[Field<'_>]) -> Self {
        let count = if fields.len() == 4 { 4 } else { 3 };
        Self { from: 0, to: 1, amount: 2, count }
    }
}

/// The columns that a header must name, each under one of two names.
const ROLES: [[&str; 2]; 3] = [["from", "source"], ["to", "target"], ["amount", "weight"]];

/// What has been read of a file.
#[derive(Default)]
struct Reader {
    columns: Option<Columns>,
    numbers: HashMap<String, usize>,
    /// What each account has paid and received so far; never above `LIMIT`.
    turnover: Vec<i64>,
    ledger: Ledger,
}

impl Reader {
    /// Reads one line; blank ones are skipped.
    fn line(&mut self, line: &str) -> Result<(), Problem> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let fields = csv::fields(line).map_err(|misquoted| Problem::at(line, misquoted.offset, misquoted.message))?;
        let columns = match self.columns {
            Some(columns) => columns,
            None => {
                let header = Columns::from_header(line, &fields)?;
                let columns = header.unwrap_or_else(|| Columns::by_position(&fields));
                self.columns = Some(columns);
                if header.is_some() {
                    return Ok(());
                }
                columns
            }
        };
        let transfer = self.transfer(line, &fields, columns)?;
        self.ledger.transfers.push(transfer);
        Ok(())
    }

    fn transfer(&mut self, line: &str, fields: &[Field<'_>], columns: Columns) -> Result<Transfer, Problem> {
        if fields.len() != columns.count {
            // The first field too many, or the end of the line, where one is missing.
            let offset = fields.get(columns.count).map_or(line.len(), |extra| extra.offset);
            let message = format!("expected {} fields, found {}", columns.count, fields.len());
            return Err(Problem::at(line, offset, message));
        }
        let from = self.account(line, &fields[columns.from])?;
        let to = self.account(line, &fields[columns.to])?;
        let amount = amount(line, &fields[columns.amount])?;
        for account in [from, to] {
            let turnover = amount
                .checked_abs()
                .and_then(|moved| self.turnover[account].checked_add(moved))
                .filter(|&turnover| turnover <= LIMIT)
                .ok_or_else(|| {
                    let name = &self.ledger.accounts[account];
                    let message = format!("amount {amount} takes the turnover of account {name:?} above {LIMIT}");
                    Problem::at(line, fields[columns.amount].offset, message)
                })?;
            self.turnover[account] = turnover;
        }
        let (payer, payee) = if amount < 0 { (to, from) } else { (from, to) };
        Ok(Transfer { payer, payee, amount: amount.abs() })
    }

    /// Returns the number of the account that a field names, which is a new one at its first mention.
    fn account(&mut self, line: &str, field: &Field<'_>) -> Result<usize, Problem> {
        let name = field.text.as_ref();
        if name.is_empty() {
            return Err(Problem::at(line, field.offset, "account name is missing"));
        }
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        let number = self.ledger.accounts.len();
        self.numbers.insert(name.to_owned(), number);
        self.ledger.accounts.push(name.to_owned());
        self.turnover.push(0);
        Ok(number)
    }
}

fn amount(line: &str, field: &Field<'_>) -> Result<i64, Problem> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let text = field.text.as_ref();
    text.parse::<i64>().map_err(|error| {
        let message = match error.kind() {
            PosOverflow | NegOverflow => format!("amount {text} does not fit in 64 bits"),
            _ => format!("amount {text:?} is not a whole number"),
        };
        Problem::at(line, field.offset, message)
    })
}
