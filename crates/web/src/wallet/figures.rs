//! Figures drawn on the server: the bar of a budget, and the bars of several windows. Whole numbers only, and never
//! without the words that say the same.

use super::view::View;
use bursar_types::Amount;

/// Ten thousandths: how fine bars are drawn.
const WHOLE: u128 = 10_000;
/// Units of the drawing along each side of a chart.
const SIDE: u128 = 1_000;
/// Of the width of one bar and the gap after it, how much is bar, in percent.
const BAR: u128 = 70;

/// What was spent of a limit, what is set aside, and what is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) spent: String,
    /// None if nothing is set aside.
    pub(super) reserved: Option<String>,
    /// None without a limit.
    pub(super) left: Option<String>,
    pub(super) limit: Option<String>,
    /// How wide the parts are, in percent.
    pub(super) spent_width: String,
    pub(super) reserved_width: String,
}

impl Budget {
    /// A budget from amounts of one asset. Whatever is above the limit is drawn as all of it.
    pub(super) fn new(view: &View, spent: &Amount, reserved: &Amount, limit: Option<&Amount>) -> Self {
        let gone = u128::from(spent.value()) + u128::from(reserved.value());
        // Without a limit there is nothing to fill: the bar stays empty.
        let whole = limit.map_or(u128::MAX, |limit| u128::from(limit.value()).max(gone).max(1));
        let part = |value: u64| percent(u128::from(value) * WHOLE / whole);
        let left = limit.map(|limit| limit.value().saturating_sub(u64::try_from(gone).unwrap_or(u64::MAX)));
        Self {
            spent: view.money(spent),
            reserved: (!reserved.is_zero()).then(|| view.money(reserved)),
            left: left.and_then(|left| spent.asset().amount(left).ok()).map(|left| view.money(&left)),
            limit: limit.map(|limit| view.money(limit)),
            spent_width: part(spent.value()),
            reserved_width: part(reserved.value()),
        }
    }
}

fn percent(of_whole: u128) -> String {
    format!("{}.{:02}%", of_whole / 100, of_whole % 100)
}

/// What was spent in each of several windows, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    /// What the full height stands for.
    pub(super) full: String,
}

/// One window of a chart. Lengths are thousandths of a side; from the top, as in SVG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    /// Which window.
    pub(super) label: String,
    pub(super) spent: String,
    pub(super) reserved: String,
    pub(super) x: u128,
    pub(super) width: u128,
    pub(super) spent_y: u128,
    pub(super) spent_height: u128,
    pub(super) reserved_y: u128,
    pub(super) reserved_height: u128,
}

impl Chart {
    /// A chart of windows – what they are called, what was spent and what is set aside in them – and the limit of each
    /// if there is one. None without windows. All amounts are of one asset.
    pub(super) fn new(view: &View, windows: &[(String, Amount, Amount)], limit: Option<&Amount>) -> Option<Self> {
        let gone =
            |(_, spent, reserved): &(String, Amount, Amount)| u128::from(spent.value()) + u128::from(reserved.value());
        let most = windows.iter().map(gone).max()?;
        let top = limit.map_or(most, |limit| most.max(limit.value().into())).max(1);
        let step = SIDE / u128::try_from(windows.len()).ok()?;
        let bar = |(place, window): (u128, &(String, Amount, Amount))| {
            let (label, spent, reserved) = window;
            let spent_height = u128::from(spent.value()) * SIDE / top;
            let reserved_height = u128::from(reserved.value()) * SIDE / top;
            Bar {
                label: label.clone(),
                spent: view.money(spent),
                reserved: view.money(reserved),
                x: place * step + step * (100 - BAR) / 200,
                width: step * BAR / 100,
                spent_y: SIDE - spent_height,
                spent_height,
                reserved_y: SIDE - spent_height - reserved_height,
                reserved_height,
            }
        };
        let asset = windows.first()?.1.asset();
        let full = u64::try_from(top).ok().and_then(|top| asset.amount(top).ok());
        Some(Self {
            bars: (0..).zip(windows).map(bar).collect(),
            full: full.map(|full| view.money(&full)).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::{Asset, VALUE_MAX};
    use jiff::Timestamp;

    fn cad(value: u64) -> Amount {
        Asset::new("CAD", 2).unwrap().amount(value).unwrap()
    }

    fn view() -> View {
        View::unknown(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn budgets_are_drawn_to_scale() {
        fn check(spent: u64, reserved: u64, limit: Option<u64>, widths: [&str; 2], left: Option<&str>) {
            let budget = Budget::new(&view(), &cad(spent), &cad(reserved), limit.map(cad).as_ref());
            assert_eq!([budget.spent_width.as_str(), &budget.reserved_width], widths, "{spent} {reserved} {limit:?}");
            assert_eq!(budget.left.as_deref(), left);
            assert_eq!(budget.reserved.is_some(), reserved > 0);
        }
        check(0, 0, Some(10_000), ["0.00%", "0.00%"], Some("100.00 CAD"));
        check(2_500, 500, Some(10_000), ["25.00%", "5.00%"], Some("70.00 CAD"));
        check(1, 0, Some(30_000), ["0.00%", "0.00%"], Some("299.99 CAD"));
        check(10_000, 0, Some(10_000), ["100.00%", "0.00%"], Some("0.00 CAD"));
        // The limit was lowered after this was spent.
        check(10_000, 10_000, Some(5_000), ["50.00%", "50.00%"], Some("0.00 CAD"));
        check(0, 0, Some(0), ["0.00%", "0.00%"], Some("0.00 CAD"));
        check(12_345, 0, None, ["0.00%", "0.00%"], None);
        check(VALUE_MAX, VALUE_MAX, Some(VALUE_MAX), ["50.00%", "50.00%"], Some("0.00 CAD"));
    }

    #[test]
    fn bars_stand_on_each_other_and_keep_below_the_top() {
        let window = |spent, reserved| ("May".to_owned(), cad(spent), cad(reserved));
        let chart = Chart::new(&view(), &[window(5_000, 2_500), window(0, 0)], Some(&cad(10_000))).unwrap();
        assert_eq!(chart.full, "100.00 CAD");
        let [first, second] = &chart.bars[..] else { panic!("two bars") };
        assert_eq!((first.x, first.width, second.x), (75, 350, 575));
        assert_eq!((first.spent_y, first.spent_height), (500, 500));
        assert_eq!((first.reserved_y, first.reserved_height), (250, 250));
        assert_eq!((second.spent_y, second.spent_height), (1_000, 0));

        assert_eq!(Chart::new(&view(), &[], Some(&cad(1))), None);
        for windows in [vec![window(0, 0)], vec![window(VALUE_MAX, VALUE_MAX); 24], vec![window(1, 2); 1_000]] {
            let chart = Chart::new(&view(), &windows, None).unwrap();
            assert!(chart.bars.iter().all(|bar| bar.x + bar.width <= SIDE && bar.reserved_y <= bar.spent_y));
        }
    }
}
