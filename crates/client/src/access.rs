//! The access that a client asks for, in words.

use crate::error::InvalidGrantRequest;
use bursar_types::{AccessItem, Action, Actions, Amount, Interval, InvalidAccess, LimitAmount, Limits};

/// One item of access for a [`GrantRequest`](crate::GrantRequest), made from one of the builders of this module or from
/// an [`AccessItem`]. What is wrong with it is told when the request is sent.
#[derive(Debug, Clone)]
pub struct Access(Result<AccessItem, InvalidGrantRequest>);

impl Access {
    /// The item as it goes over the wire.
    ///
    /// # Errors
    /// When no server could grant it.
    pub fn into_item(self) -> Result<AccessItem, InvalidGrantRequest> {
        self.0
    }
}

impl From<AccessItem> for Access {
    fn from(item: AccessItem) -> Self {
        Self(checked(item))
    }
}

/// Actions that the resource has, and at least one.
fn checked(item: AccessItem) -> Result<AccessItem, InvalidGrantRequest> {
    let (resource, actions) = (item.resource_type(), item.actions());
    let possible = resource.possible_actions();
    let impossible: Vec<_> = actions.iter().filter(|action| !possible.contains(*action)).collect();
    if !impossible.is_empty() {
        return Err(InvalidAccess::Actions { resource, actions: Actions::of(&impossible) }.into());
    }
    if actions.is_empty() {
        return Err(InvalidAccess::NoAction(resource).into());
    }
    Ok(item)
}

/// A mandate: permission to pay out of somebody's account. The account holder is always asked.
///
/// ```
/// use bursar_client::types::{Action, Asset};
/// use bursar_client::{Access, OutgoingAccess};
///
/// let cad = Asset::new("CAD", 2)?;
/// let mandate = OutgoingAccess::new("https://cloudninebank.example.com/user")
///     .actions([Action::Create, Action::Read])
///     .debit(cad.parse_decimal("100.00")?)
///     .interval("R3/2025-05-20T13:00:00Z/P1M");
/// let item = Access::from(mandate).into_item()?;
/// assert_eq!(item.limits().and_then(|limits| limits.interval.as_ref()?.count()), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "add it to a GrantRequest"]
pub struct OutgoingAccess {
    wallet_address: String,
    actions: Actions,
    debit: Option<Amount>,
    receive: Option<Amount>,
    interval: Option<String>,
    receiver: Option<String>,
}

impl OutgoingAccess {
    /// Permission to create outgoing payments from this wallet address (its `id`) and to read them.
    pub fn new(wallet_address: impl Into<String>) -> Self {
        Self {
            wallet_address: wallet_address.into(),
            actions: Actions::of(&[Action::Create, Action::Read]),
            debit: None,
            receive: None,
            interval: None,
            receiver: None,
        }
    }

    /// Other actions than to create and read.
    pub fn actions(self, actions: impl AsRef<[Action]>) -> Self {
        Self { actions: Actions::of(actions.as_ref()), ..self }
    }

    /// The most that may leave the account: in each window of the [interval](Self::interval), or ever without one. Fees
    /// included; in the account's asset. Excludes [`receive`](Self::receive).
    pub fn debit(self, amount: Amount) -> Self {
        Self { debit: Some(amount), ..self }
    }

    /// The most that may arrive at receivers: in each window of the [interval](Self::interval), or ever without one.
    /// Excludes [`debit`](Self::debit).
    pub fn receive(self, amount: Amount) -> Self {
        Self { receive: Some(amount), ..self }
    }

    /// The windows in which the amount may be spent, each time anew: `R3/2025-05-20T13:00:00Z/P1M` is three months from
    /// that instant, `R/2025-04-22T08:00:00Z/P1D` every day without end. See [`bursar_types::interval`] for the forms.
    pub fn interval(self, interval: impl Into<String>) -> Self {
        Self { interval: Some(interval.into()), ..self }
    }

    /// The only incoming payment (its URL) that may be paid. Without it, the payments may go to anyone.
    pub fn receiver(self, incoming_payment: impl Into<String>) -> Self {
        Self { receiver: Some(incoming_payment.into()), ..self }
    }

    fn item(self) -> Result<AccessItem, InvalidGrantRequest> {
        let amount = match (self.debit, self.receive) {
            (Some(_), Some(_)) => return Err(InvalidAccess::TwoAmounts.into()),
            (Some(debit), None) => Some(LimitAmount::Debit(debit)),
            (None, receive) => receive.map(LimitAmount::Receive),
        };
        let interval = self.interval.as_deref().map(Interval::parse).transpose()?;
        let limits = Limits { receiver: self.receiver, interval, amount };
        let limits = (limits != Limits::default()).then_some(limits);
        checked(AccessItem::OutgoingPayment { actions: self.actions, identifier: self.wallet_address, limits })
    }
}

impl From<OutgoingAccess> for Access {
    fn from(access: OutgoingAccess) -> Self {
        Self(access.item())
    }
}

/// Permission to do something with incoming payments. Nobody is asked, unless everything shall be listed.
///
/// ```
/// use bursar_client::types::Action;
/// use bursar_client::{Access, IncomingAccess};
///
/// let access = IncomingAccess::new([Action::Create, Action::Read]).wallet_address("https://wallet.example/bob");
/// assert_eq!(Access::from(access).into_item()?.identifier(), Some("https://wallet.example/bob"));
/// # Ok::<(), bursar_client::InvalidGrantRequest>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "add it to a GrantRequest"]
pub struct IncomingAccess {
    actions: Actions,
    wallet_address: Option<String>,
}

impl IncomingAccess {
    /// Permission for these actions.
    pub fn new(actions: impl AsRef<[Action]>) -> Self {
        Self { actions: Actions::of(actions.as_ref()), wallet_address: None }
    }

    /// Only at this wallet address (its `id`).
    pub fn wallet_address(self, wallet_address: impl Into<String>) -> Self {
        Self { wallet_address: Some(wallet_address.into()), ..self }
    }
}

impl From<IncomingAccess> for Access {
    fn from(access: IncomingAccess) -> Self {
        let IncomingAccess { actions, wallet_address } = access;
        Self(checked(AccessItem::IncomingPayment { actions, identifier: wallet_address }))
    }
}

/// Permission to do something with quotes: to learn what payments would cost.
///
/// ```
/// use bursar_client::types::Action;
/// use bursar_client::{Access, QuoteAccess};
///
/// let item = Access::from(QuoteAccess::new([Action::Create])).into_item()?;
/// assert!(item.actions().contains(Action::Create));
/// # Ok::<(), bursar_client::InvalidGrantRequest>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "add it to a GrantRequest"]
pub struct QuoteAccess {
    actions: Actions,
}

impl QuoteAccess {
    /// Permission for these actions.
    pub fn new(actions: impl AsRef<[Action]>) -> Self {
        Self { actions: Actions::of(actions.as_ref()) }
    }
}

impl From<QuoteAccess> for Access {
    fn from(access: QuoteAccess) -> Self {
        Self(checked(AccessItem::Quote { actions: access.actions }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::Asset;

    const ALICE: &str = "https://wallet.example/alice";

    fn cad(value: u64) -> Amount {
        Asset::new("CAD", 2).unwrap().amount(value).unwrap()
    }

    #[test]
    fn items_are_written_as_the_specification_has_them() {
        fn check(access: impl Into<Access>, expected: &str) {
            let item = access.into().into_item().unwrap();
            assert_eq!(serde_json::to_string(&item).unwrap(), expected);
        }
        let start =
            r#"{"type":"outgoing-payment","actions":["create","read"],"identifier":"https://wallet.example/alice""#;
        check(OutgoingAccess::new(ALICE), &format!("{start}}}"));
        check(
            OutgoingAccess::new(ALICE).debit(cad(10000)).interval("R3/2025-05-20T13:00:00Z/P1M"),
            &format!(
                r#"{start},"limits":{{"interval":"R3/2025-05-20T13:00:00Z/P1M","debitAmount":{{"value":"10000","assetCode":"CAD","assetScale":2}}}}}}"#
            ),
        );
        check(
            OutgoingAccess::new(ALICE).receive(cad(5)).receiver("https://bank.example/op/incoming-payments/1"),
            &format!(
                r#"{start},"limits":{{"receiver":"https://bank.example/op/incoming-payments/1","receiveAmount":{{"value":"5","assetCode":"CAD","assetScale":2}}}}}}"#
            ),
        );
        check(
            IncomingAccess::new([Action::ReadAll, Action::Create]),
            r#"{"type":"incoming-payment","actions":["create","read-all"]}"#,
        );
        check(QuoteAccess::new([Action::Create]), r#"{"type":"quote","actions":["create"]}"#);
    }

    #[test]
    fn what_no_server_could_grant_is_refused_before_it_is_sent() {
        fn check(access: impl Into<Access>, expected: &str) {
            let error = access.into().into_item().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        check(OutgoingAccess::new(ALICE).actions([]), "names no action");
        check(OutgoingAccess::new(ALICE).actions([Action::Create, Action::Complete]), "has no action complete");
        check(QuoteAccess::new([Action::List]), "quote has no action list");
        check(OutgoingAccess::new(ALICE).debit(cad(1)).receive(cad(1)), "not both");
        check(OutgoingAccess::new(ALICE).interval("R0/2025-05-20T13:00:00Z/P1M"), "R0 allows no window");
        check(AccessItem::Quote { actions: Actions::of(&[Action::Complete]) }, "quote has no action complete");
    }
}
