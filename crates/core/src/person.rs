//! Account holders: names and passwords that may be chosen, how one gets in, and what keeps somebody out.

use crate::{Code, Id, Refusal};
use jiff::{SignedDuration, Timestamp};

/// How long after a log-in dangerous acts need no new proof.
pub const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Fewest characters of a new password.
pub const PASSWORD_LENGTH_MIN: usize = 10;
/// Most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 200;
/// Most passkeys of one person.
pub const PASSKEYS_MAX: usize = 20;
/// Most identities at other providers of one person.
pub const IDENTITIES_MAX: usize = 10;
/// Most characters of a name that is shown.
const SHOWN_NAME_LENGTH_MAX: usize = 100;

/// Names that would pass for the provider's own.
const IMPERSONATING: &[&str] = &[
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "bank",
    "billing",
    "bursar",
    "compliance",
    "contact",
    "customer-service",
    "finance",
    "fraud",
    "help",
    "helpdesk",
    "info",
    "legal",
    "mail",
    "moderator",
    "noreply",
    "official",
    "operator",
    "payments",
    "postmaster",
    "privacy",
    "root",
    "sales",
    "security",
    "service",
    "staff",
    "support",
    "system",
    "team",
    "trust",
    "wallet",
    "webmaster",
];

/// Passwords of ten characters and more that everybody tries first.
const COMMON: &[&str] = &[
    "0123456789",
    "1234567890",
    "12345678910",
    "123456789a",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "9876543210",
    "a123456789",
    "abcd123456",
    "administrator",
    "basketball",
    "changeme123",
    "iloveyou123",
    "letmein123",
    "manchester",
    "motdepasse1",
    "password01",
    "password10",
    "password11",
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "princess123",
    "q1w2e3r4t5",
    "qwerty12345",
    "qwerty123456",
    "qwertyuiop",
    "qwertzuiop",
    "sunshine123",
    "superman123",
    "welcome123",
];

/// Checks a name that a stranger chooses at sign-up, beyond what every name must be: it is read by others.
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
pub fn check_chosen_name(name: &str) -> Result<(), Refusal> {
    let refused = |text: &'static str| Err(Refusal::new(Code::InvalidResourceRequest, text));
    if !(3..=32).contains(&name.len()) {
        return refused("a name has 3 to 32 characters");
    }
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !name.bytes().all(|b| is_plain(b) || matches!(b, b'-' | b'_' | b'.')) {
        return refused(
            "a name has only the letters a to z in lower case, digits, hyphens, underscores and full stops",
        );
    }
    let bytes = name.as_bytes();
    let is_mark = |b: &u8| !is_plain(*b);
    if bytes.first().is_some_and(is_mark)
        || bytes.last().is_some_and(is_mark)
        || bytes.windows(2).any(|two| two.iter().all(is_mark))
    {
        return refused("a name begins and ends with a letter or digit, and has no two marks in a row");
    }
    if !bytes.iter().any(u8::is_ascii_lowercase) {
        return refused("a name has at least one letter");
    }
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    if IMPERSONATING.iter().any(|word| *word == name || word.replace('-', "") == letters) {
        return refused("this name could be taken for ours: please choose another one");
    }
    Ok(())
}

/// Checks a new password of the account holder of this name (NIST SP 800-63B §3.1.1: length and what everybody tries,
/// no rules about which characters).
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
pub fn check_new_password(password: &str, name: &str) -> Result<(), Refusal> {
    let refused = |text: &'static str| Err(Refusal::new(Code::InvalidResourceRequest, text));
    if password.chars().count() < PASSWORD_LENGTH_MIN {
        return refused(
            "a password has at least 10 characters: a few words that belong together only for you are best",
        );
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return refused("a password has at most 200 characters");
    }
    let small = password.to_lowercase();
    let mut different: Vec<char> = small.chars().collect();
    different.sort_unstable();
    different.dedup();
    if COMMON.contains(&small.as_str()) || different.len() < 4 {
        return refused("this password is one of those that everybody tries first: please choose another one");
    }
    if name.len() >= 3 && small.replace(&name.to_lowercase(), "").chars().count() < 6 {
        return refused("this password is hardly more than your name: please choose another one");
    }
    Ok(())
}

/// Checks a name that is shown, to its owner or to others.
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
pub fn check_shown_name(name: &str) -> Result<(), Refusal> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if name.chars().count() > SHOWN_NAME_LENGTH_MAX || name.chars().any(hidden) || name.trim() != name {
        let text = "a name that is shown has at most 100 characters, no invisible ones, and no space around it";
        return Err(Refusal::new(Code::InvalidResourceRequest, text));
    }
    Ok(())
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Name and password.
    Password,
    /// A passkey, with the device having checked who used it.
    Passkey,
    /// Name and password, then a passkey.
    PasswordAndPasskey,
    /// Name and password, then a recovery code.
    PasswordAndCode,
    /// Name and recovery code, of somebody without a password.
    Code,
    /// A log-in at another identity provider.
    Identity,
}

impl Proof {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Password, Self::Passkey, Self::PasswordAndPasskey, Self::PasswordAndCode, Self::Code, Self::Identity];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::PasswordAndPasskey => "password+passkey",
            Self::PasswordAndCode => "password+code",
            Self::Code => "code",
            Self::Identity => "identity",
        }
    }

    /// From how it is stored.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proof| proof.as_str() == word)
    }

    /// Whether a passkey was part of it.
    pub fn has_passkey(self) -> bool {
        matches!(self, Self::Passkey | Self::PasswordAndPasskey)
    }
}

/// The ways in that an account holder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ways {
    /// Whether there is a password.
    pub has_password: bool,
    /// How many passkeys there are.
    pub passkeys: usize,
    /// How many identities at other providers are linked.
    pub identities: usize,
    /// How many recovery codes are left.
    pub codes: usize,
    /// Whether a password alone is not enough.
    pub needs_second: bool,
}

/// What follows a first proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// They are in.
    In,
    /// A passkey or a recovery code is needed as well.
    Second,
}

impl Ways {
    /// What follows name and password.
    pub fn after_password(&self) -> Next {
        // Without any passkey there is nothing to ask for.
        if self.needs_second && self.passkeys > 0 { Next::Second } else { Next::In }
    }

    /// Whether name and recovery code are enough: only where a password could not be asked for as well.
    pub fn code_is_enough(&self) -> bool {
        !self.has_password
    }

    /// Checks that somebody still gets in afterwards. `with` are the ways that would be left.
    ///
    /// # Errors
    /// [`Code::Conflict`].
    pub fn check_left(&self, is_built_in_on: bool) -> Result<(), Refusal> {
        let own = is_built_in_on && (self.has_password || self.passkeys > 0);
        if own || self.identities > 0 {
            return Ok(());
        }
        Err(Refusal::new(Code::Conflict, "this is your only way to log in: set up another one first"))
    }
}

/// Whether a proof given then is fresh enough for dangerous acts now.
pub fn is_fresh(authenticated_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(authenticated_at) < FRESH
}

/// Whether a password may be changed: whoever knows the present one may, and whoever has just used a passkey.
///
/// # Errors
/// [`Code::Unauthenticated`] for a wrong password, [`Code::LogInAgain`] when none was given and no passkey was used
/// lately.
pub fn check_password_change(
    ways: &Ways,
    present_is_right: Option<bool>,
    proof: Proof,
    is_fresh: bool,
) -> Result<(), Refusal> {
    let again = || Refusal::new(Code::LogInAgain, "please confirm first that it is you");
    match present_is_right {
        _ if is_fresh && (proof.has_passkey() || !ways.has_password) => Ok(()),
        Some(true) => Ok(()),
        Some(false) => Err(Refusal::new(Code::Unauthenticated, "this is not your present password")),
        None => Err(again()),
    }
}

/// Whom somebody who has logged in at another identity provider is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Meeting {
    /// Only those who linked that identity to their account themselves.
    #[default]
    Linked,
    /// Also the account holder whom a claim names. Whoever decides about that claim decides about their accounts.
    Known,
    /// Also newcomers, for whom an account is opened. Nobody is taken for an account holder who was here before.
    Newcomers,
}

/// What is known about somebody who has logged in at another identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The account holder to whom the identity is linked.
    pub linked: Option<Id>,
    /// The name that the provider's claim gives them.
    pub name: Option<&'a str>,
    /// The account holder of that name, and whether they have another identity at that provider.
    pub named: Option<(Id, bool)>,
}

/// What to do with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// It is this account holder.
    Holder(Id),
    /// It is this account holder; from now on their identity says so.
    Link(Id),
    /// An account of this name is opened for them.
    Open(String),
}

/// Decides whom somebody is taken for who has logged in at another identity provider.
///
/// # Errors
/// [`Code::Conflict`] when they are nobody here.
pub fn meet(meeting: Meeting, arrival: &Arrival<'_>) -> Result<Met, Refusal> {
    let refused = |text: &'static str| Err(Refusal::new(Code::Conflict, text));
    if let Some(holder) = arrival.linked {
        return Ok(Met::Holder(holder));
    }
    match (meeting, arrival.name, arrival.named) {
        (Meeting::Linked, _, _) => refused(
            "this log-in belongs to no account here yet: log in another way first, then link it on your account page",
        ),
        (_, None, _) => refused("your identity provider did not tell under which name you are known here"),
        (Meeting::Known, Some(_), Some((holder, false))) => Ok(Met::Link(holder)),
        // Who had that name there before is somebody else.
        (Meeting::Known, Some(_), Some((_, true))) => refused("the account of your name belongs to another identity"),
        (Meeting::Known, Some(_), None) => refused("there is no account for you here"),
        (Meeting::Newcomers, Some(_), Some(_)) => {
            refused("there is an account of your name here already: if it is yours, log in another way and link it")
        }
        (Meeting::Newcomers, Some(name), None) => Ok(Met::Open(name.to_owned())),
    }
}
