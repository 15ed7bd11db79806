//! The parts of a request as the page tells them, and what may be taken away from them.

use super::Look;
use crate::wallet::less::{self, Fault, Fields, Typing};
use crate::wallet::mandate::{Limit, Mandate};
use crate::wallet::names::{Address, harmless};
use crate::wallet::view::{Moment, View};
use crate::wallet::wording;
use bursar_app::acquaintance::{Acquaintance, Resemblance};
use bursar_app::interactions::{Choice, Consent, Item, Lowerable};
use bursar_types::ResourceType;

/// What the person knows of the app.
pub(super) struct Known {
    /// Since when it has been given grants; never if this is its first request.
    pub(super) since: Option<Moment>,
    /// Whom its name could be taken for.
    pub(super) resembles: Option<String>,
}

impl Known {
    pub(super) fn new(known: &Acquaintance, provider: &str, view: &View) -> Self {
        let resembles = known.resembles.as_ref().map(|other| match other {
            Resemblance::Provider => format!(
                "Its name looks like ours, but it is not {provider}: it is an app like any other. We never ask for money \
                 in this way."
            ),
            Resemblance::App { name, address } => {
                let name = harmless(name).unwrap_or_default();
                format!(
                    "Its name looks like that of “{name}”, which you know, but it is another app: that one has the address {}.",
                    Address::new(address)
                )
            }
        });
        Self { since: known.since.map(|since| view.day(since)), resembles }
    }
}

/// One thing that is asked for.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) wallet: Option<Address>,
    /// What is in that wallet.
    pub(super) balance: Option<String>,
    pub(super) mandate: Option<Mandate>,
    /// What was asked, if the page shows less.
    pub(super) asked: Option<Limit>,
    pub(super) fields: Option<Fields>,
    pub(super) points: Vec<&'static str>,
}

impl Section {
    fn new(item: &Item, fields: Option<Fields>, balance: Option<String>, view: &View) -> Self {
        let is_less = item.asked != item.spending;
        Self {
            title: wording::title(item),
            wallet: item.wallet.as_deref().map(Address::new),
            balance,
            mandate: item.spending.as_ref().map(|spending| Mandate::new(spending, view)),
            asked: item.asked.as_ref().filter(|_| is_less).map(|asked| Limit::new(asked, view)),
            fields,
            points: wording::points(item.resource, &item.actions),
        }
    }

    /// One section for each thing. Asking for prices is part of sending money, and not worth a section beside it.
    pub(super) fn all(consent: &Consent, look: &Look, known: &Acquaintance, view: &View) -> Vec<Self> {
        let section = |(number, item): (usize, &Item)| {
            let fault = look.faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| fault.clone());
            let typed = look.typing.of(number);
            let fields = lowerable(consent, item).and_then(|of| Fields::new(number, &of, typed, fault, view));
            let holds = known.balances.iter().find(|(url, _)| Some(url) == item.wallet.as_ref());
            let balance = holds.filter(|_| item.spending.is_some()).map(|(_, amount)| view.money(amount));
            Self::new(item, fields, balance, view)
        };
        let (prices, others): (Vec<_>, Vec<_>) =
            consent.items.iter().enumerate().partition(|(_, item)| item.resource == ResourceType::Quote);
        let mut sections: Vec<Self> = others.into_iter().map(section).collect();
        let prices = prices.into_iter().map(section);
        match sections.iter_mut().find(|section| section.mandate.is_some()) {
            Some(sending) => sending.points.extend(prices.flat_map(|section| section.points)),
            None => sections.extend(prices),
        }
        sections
    }
}

/// What can be taken away from an item.
fn lowerable<'a>(consent: &Consent, item: &'a Item) -> Option<Lowerable<'a>> {
    let (spending, asset) = (item.asked.as_ref()?, item.asset?);
    Some(Lowerable { spending, asset, since: consent.created_at, now: consent.now })
}

/// What the person makes of the request, or why that is not possible.
pub(super) fn choose(consent: &Consent, typing: &Typing, view: &View) -> Result<Choice, Vec<(usize, Fault)>> {
    let of = |(number, item)| lowerable(consent, item).map(|of| (number, of));
    let items: Vec<_> = consent.items.iter().enumerate().filter_map(of).collect();
    less::choose(typing, &items, view)
}
