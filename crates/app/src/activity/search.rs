//! Which payments are looked for: a pure function of a payment and what somebody typed.

use super::{Entry, State, notes};
use bursar_store::movement::{End, Movement};
use bursar_types::Amount;
use jiff::Timestamp;

/// Whether money came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It left the person's account.
    Out,
    /// It arrived there.
    In,
    /// It went from one wallet address of the person to another.
    Own,
}

/// Which payments are looked for. All that is given has to fit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only what left, or only what arrived. Payments to oneself are both.
    pub side: Option<Side>,
    /// Words that stand in the other end's address or name, in the app's, in a note, or in the id.
    pub text: String,
    /// Only payments of this app: its wallet address.
    pub app: Option<String>,
    /// Only of this wallet address of the person's.
    pub wallet: Option<String>,
    /// The least amount, as [`amount_at_scale_18`] counts.
    pub least: Option<u128>,
    /// The largest amount, counted so.
    pub most: Option<u128>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Where the payment stands.
    pub state: Option<State>,
}

/// An amount in units of 10⁻¹⁸ of its asset, so that amounts of different scales can be compared with what people type.
pub fn amount_at_scale_18(amount: &Amount) -> u128 {
    // At most 2⁶³ times 10¹⁸, which is below 2¹²⁸.
    u128::from(amount.value()) * 10_u128.pow(18 - u32::from(amount.asset().scale().min(18)))
}

impl Filter {
    /// Whether every payment fits that lies between the dates.
    pub(super) fn is_plain(&self) -> bool {
        let Self { side: _, text, app, wallet: _, least, most, from: _, until: _, state } = self;
        text.is_empty() && app.is_none() && least.is_none() && most.is_none() && state.is_none()
    }

    /// From which ends of payments to look.
    pub(super) fn ends(&self) -> &'static [End] {
        match self.side {
            None | Some(Side::Own) => &[End::Payer, End::Payee],
            Some(Side::Out) => &[End::Payer],
            Some(Side::In) => &[End::Payee],
        }
    }

    /// Whether this payment fits.
    pub(super) fn matches(&self, entry: &Entry, movement: &Movement) -> bool {
        let amount = amount_at_scale_18(&entry.amount);
        self.side.is_none_or(|side| side == entry.side || (side != Side::Own && entry.side == Side::Own))
            && self.app.as_ref().is_none_or(|app| *app == entry.app.id)
            && self.least.is_none_or(|least| least <= amount)
            && self.most.is_none_or(|most| amount <= most)
            && self.from.is_none_or(|from| from <= entry.at)
            && self.until.is_none_or(|until| entry.at < until)
            && self.state.is_none_or(|state| state == entry.state)
            && self.mentions(entry, movement)
    }

    /// Whether the payment has the words, each of them somewhere, whatever letters are large.
    fn mentions(&self, entry: &Entry, movement: &Movement) -> bool {
        if self.text.trim().is_empty() {
            return true;
        }
        let metadata = match entry.side {
            Side::In => movement.request.as_ref().and_then(|request| request.metadata.as_deref()),
            Side::Out | Side::Own => movement.payment.metadata.as_deref(),
        };
        let mut told = vec![entry.id.to_string(), entry.other.url.clone(), entry.app.id.clone()];
        told.extend(entry.other.name.clone());
        told.extend(entry.app.name.clone());
        told.extend(notes(metadata).into_iter().map(|note| note.text));
        let told = told.join("\n").to_lowercase();
        let pointer = |word: &str| word.strip_prefix('$').map(str::to_owned).unwrap_or_else(|| word.to_owned());
        self.text.to_lowercase().split_whitespace().map(pointer).all(|word| told.contains(&word))
    }
}
