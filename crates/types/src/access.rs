//! Access that a grant gives: resource types, actions and limits (Open Payments authorization server, schemas
//! `access-item` and `limits-outgoing`).

use crate::{Amount, Interval};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeSeq};
use std::fmt;

/// One thing a client may do with a kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Create a resource.
    Create,
    /// Complete an incoming payment.
    Complete,
    /// Read resources that the client itself created.
    Read,
    /// Read any resource of the wallet address.
    ReadAll,
    /// List resources that the client itself created.
    List,
    /// List all resources of the wallet address.
    ListAll,
}

impl Action {
    /// Every action, in the order in which they are written out.
    pub const ALL: [Self; 6] = [Self::Create, Self::Complete, Self::Read, Self::ReadAll, Self::List, Self::ListAll];

    /// The action's word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Complete => "complete",
            Self::Read => "read",
            Self::ReadAll => "read-all",
            Self::List => "list",
            Self::ListAll => "list-all",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of actions. Written as an array, each action once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Actions(u8);

impl Actions {
    /// The set of these actions.
    pub fn of(actions: &[Action]) -> Self {
        Self(actions.iter().fold(0, |bits, action| bits | action.bit()))
    }

    /// Whether the action is in the set.
    pub fn contains(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// Whether there is no action at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions of the set, in their usual order.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |action| self.contains(*action))
    }

    fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Action::as_str)).finish()
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, action) in self.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, action.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Actions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for action in self.iter() {
            sequence.serialize_element(action.as_str())?;
        }
        sequence.end()
    }
}

impl<'de> Deserialize<'de> for Actions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let listed = Vec::<Action>::deserialize(deserializer)?;
        let set = Self::of(&listed);
        if set.iter().count() != listed.len() {
            return Err(de::Error::custom("an action is named more than once"));
        }
        Ok(set)
    }
}

/// The kinds of resource that access can be granted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceType {
    /// Money coming in.
    IncomingPayment,
    /// Money going out.
    OutgoingPayment,
    /// What a payment would cost.
    Quote,
}

impl ResourceType {
    /// The type's word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IncomingPayment => "incoming-payment",
            Self::OutgoingPayment => "outgoing-payment",
            Self::Quote => "quote",
        }
    }

    /// The actions that make sense for this type.
    pub fn possible_actions(self) -> Actions {
        use Action::*;
        match self {
            Self::IncomingPayment => Actions::of(&Action::ALL),
            Self::OutgoingPayment => Actions::of(&[Create, Read, ReadAll, List, ListAll]),
            Self::Quote => Actions::of(&[Create, Read, ReadAll]),
        }
    }
}

/// One item of the access that a client asks for or has been given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", try_from = "RawAccessItem")]
pub enum AccessItem {
    /// Access to incoming payments.
    IncomingPayment {
        /// What may be done.
        actions: Actions,
        /// The wallet address whose incoming payments these are; any, if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        identifier: Option<String>,
    },
    /// Access to outgoing payments: a mandate to spend.
    OutgoingPayment {
        /// What may be done.
        actions: Actions,
        /// The wallet address that pays.
        identifier: String,
        /// How much, to whom and when.
        #[serde(skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
    },
    /// Access to quotes.
    Quote {
        /// What may be done.
        actions: Actions,
    },
}

/// The same on the wire, before it is known whether actions and type agree.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum RawAccessItem {
    IncomingPayment { actions: Actions, identifier: Option<String> },
    OutgoingPayment { actions: Actions, identifier: String, limits: Option<Limits> },
    Quote { actions: Actions },
}

/// Why an access item cannot be granted to anyone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    /// An action that this type of resource does not have.
    #[error("{} has no action {actions}; it has {}", resource.as_str(), resource.possible_actions())]
    Actions {
        /// The type of resource.
        resource: ResourceType,
        /// The actions that do not exist.
        actions: Actions,
    },
    /// No action at all.
    #[error("{} names no action", .0.as_str())]
    NoAction(ResourceType),
    /// Both a debit and a receive amount.
    #[error("limits may have a debitAmount or a receiveAmount, not both")]
    TwoAmounts,
}

impl TryFrom<RawAccessItem> for AccessItem {
    type Error = InvalidAccess;

    fn try_from(raw: RawAccessItem) -> Result<Self, Self::Error> {
        let item = match raw {
            RawAccessItem::IncomingPayment { actions, identifier } => Self::IncomingPayment { actions, identifier },
            RawAccessItem::OutgoingPayment { actions, identifier, limits } => {
                Self::OutgoingPayment { actions, identifier, limits }
            }
            RawAccessItem::Quote { actions } => Self::Quote { actions },
        };
        let impossible = item.actions().minus(item.resource_type().possible_actions());
        if !impossible.is_empty() {
            return Err(InvalidAccess::Actions { resource: item.resource_type(), actions: impossible });
        }
        if item.actions().is_empty() {
            return Err(InvalidAccess::NoAction(item.resource_type()));
        }
        Ok(item)
    }
}

impl AccessItem {
    /// The kind of resource.
    pub fn resource_type(&self) -> ResourceType {
        match self {
            Self::IncomingPayment { .. } => ResourceType::IncomingPayment,
            Self::OutgoingPayment { .. } => ResourceType::OutgoingPayment,
            Self::Quote { .. } => ResourceType::Quote,
        }
    }

    /// What may be done.
    pub fn actions(&self) -> Actions {
        match self {
            Self::IncomingPayment { actions, .. } | Self::OutgoingPayment { actions, .. } | Self::Quote { actions } => {
                *actions
            }
        }
    }

    /// The wallet address that the access is bound to, as the client wrote it.
    pub fn identifier(&self) -> Option<&str> {
        match self {
            Self::IncomingPayment { identifier, .. } => identifier.as_deref(),
            Self::OutgoingPayment { identifier, .. } => Some(identifier),
            Self::Quote { .. } => None,
        }
    }

    /// The limits on spending, if there are any.
    pub fn limits(&self) -> Option<&Limits> {
        match self {
            Self::OutgoingPayment { limits, .. } => limits.as_ref(),
            _ => None,
        }
    }
}

/// How much a client may spend, to whom and when.
///
/// A field we do not know is refused rather than ignored: a limit that is not understood cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "RawLimits")]
pub struct Limits {
    /// The only incoming payment that may be paid.
    pub receiver: Option<String>,
    /// The windows of time in which the amount may be spent, each time anew.
    pub interval: Option<Interval>,
    /// The most that may be spent in each window, or ever if there is no interval.
    pub amount: Option<LimitAmount>,
}

/// Which side of a payment a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitAmount {
    /// What leaves the payer's account, fees included.
    Debit(Amount),
    /// What arrives at receivers.
    Receive(Amount),
}

impl LimitAmount {
    /// The amount itself, whichever side it counts.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Debit(amount) | Self::Receive(amount) => *amount,
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debit_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_amount: Option<Amount>,
}

impl TryFrom<RawLimits> for Limits {
    type Error = InvalidAccess;

    fn try_from(raw: RawLimits) -> Result<Self, Self::Error> {
        let amount = match (raw.debit_amount, raw.receive_amount) {
            (Some(_), Some(_)) => return Err(InvalidAccess::TwoAmounts),
            (Some(debit), None) => Some(LimitAmount::Debit(debit)),
            (None, Some(receive)) => Some(LimitAmount::Receive(receive)),
            (None, None) => None,
        };
        Ok(Self { receiver: raw.receiver, interval: raw.interval, amount })
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (debit_amount, receive_amount) = match self.amount {
            Some(LimitAmount::Debit(amount)) => (Some(amount), None),
            Some(LimitAmount::Receive(amount)) => (None, Some(amount)),
            None => (None, None),
        };
        RawLimits { receiver: self.receiver.clone(), interval: self.interval.clone(), debit_amount, receive_amount }
            .serialize(serializer)
    }
}
