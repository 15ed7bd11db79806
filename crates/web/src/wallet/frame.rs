//! What surrounds the content of each page: who is logged in, where they can go, and what was just done.

use super::assets::Urls;
use super::view::View;
use super::visitor::{self, Visitor};
use bursar_app::App;
use url::form_urlencoded;

/// Where people go from every page of their wallet, in this order. Only what exists is here.
///
/// Each has a path, the words for a wide and for a narrow screen, and the outline of its icon in a square of 24 units.
const MENU: &[(&str, &str, &str, &str)] = &[
    ("/wallet", "Home", "Home", "M3.5 11 12 4l8.5 7M6 9.5V20h12V9.5M10 20v-5.5h4V20"),
    ("/wallet/send", "Send and request", "Send", "M20.5 3.5 3.5 10l7 3.5 3.5 7zM10.5 13.5 15 9"),
    ("/wallet/payments", "Payments", "Payments", "M7 20V5M3.5 8.5 7 5l3.5 3.5M17 4v15m-3.5-3.5L17 19l3.5-3.5"),
    ("/wallet/apps", "Apps", "Apps", "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM16.5 13.5v6M13.5 16.5h6"),
    (
        "/wallet/addresses",
        "Addresses",
        "Addresses",
        "M4 12a8 8 0 1 1 16 0v1.5a2.5 2.5 0 0 1-5 0V8M15 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0",
    ),
    (
        "/wallet/account",
        "Account",
        "Account",
        "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c.8-3.6 3.8-5.5 7.5-5.5s6.7 1.9 7.5 5.5",
    ),
];

/// Parts of the wallet that belong to another entry of the menu than their path says.
const ELSEWHERE: &[(&str, &str)] = &[("/wallet/request", "/wallet/send")];

/// A link of the menu.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) label: &'static str,
    pub(super) short: &'static str,
    pub(super) icon: &'static str,
    /// Whether the page is in this part of the wallet.
    pub(super) is_here: bool,
}

/// The menu as it looks at `here`.
fn menu(here: &str) -> Vec<Link> {
    let path = here.split(['?', '#']).next().unwrap_or_default();
    let lies_in = |path: &str, part: &str| path.strip_prefix(part).is_some_and(|rest| rest.starts_with('/'));
    let moved = ELSEWHERE.iter().find(|(from, _)| path == *from || lies_in(path, from));
    let path = moved.map_or(path, |(_, to)| to);
    let is_below = |part: &str| lies_in(path, part);
    // Everything is below the first entry, so that one is only where nothing else is.
    let of = |part: &str| path == part || (part != MENU[0].0 && is_below(part));
    MENU.iter().map(|&(path, label, short, icon)| Link { path, label, short, icon, is_here: of(path) }).collect()
}

/// What was just done, told on the next page and never again. Known by its code: no page repeats what an URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flash {
    code: &'static str,
    pub(super) text: &'static str,
}

/// Everything that can be told so.
pub(super) static DISPLAY_SAVED: Flash =
    Flash { code: "display-saved", text: "Numbers and times are now shown your way." };
pub(super) static APP_PAUSED: Flash =
    Flash { code: "app-paused", text: "Paused: this app can pay nothing until you resume it." };
pub(super) static APP_RESUMED: Flash = Flash { code: "app-resumed", text: "Resumed: this app can pay again." };
pub(super) static APP_LOWERED: Flash =
    Flash { code: "app-lowered", text: "Lowered: the new limit counts from now on." };
pub(super) static APP_REVOKED: Flash =
    Flash { code: "app-revoked", text: "Ended: this app can do nothing here any more." };
pub(super) static PROFILE_SAVED: Flash = Flash { code: "profile-saved", text: "Your name was saved." };
pub(super) static PASSWORD_CHANGED: Flash =
    Flash { code: "password-changed", text: "Your password was changed, and you were logged out everywhere else." };
pub(super) static PASSWORD_REMOVED: Flash =
    Flash { code: "password-removed", text: "Your password was removed, and you were logged out everywhere else." };
pub(super) static PASSKEY_ADDED: Flash =
    Flash { code: "passkey-added", text: "The passkey was added. You can log in with it from now on." };
pub(super) static PASSKEY_RENAMED: Flash = Flash { code: "passkey-renamed", text: "The passkey has a new name." };
pub(super) static PASSKEY_REMOVED: Flash = Flash { code: "passkey-removed", text: "The passkey was removed." };
pub(super) static CODES_FIRST: Flash =
    Flash { code: "codes-first", text: "Make recovery codes first, so that a lost passkey does not lock you out." };
pub(super) static SECOND_ON: Flash =
    Flash { code: "second-on", text: "From now on your password is not enough: you are asked for a passkey as well." };
pub(super) static SECOND_OFF: Flash = Flash { code: "second-off", text: "From now on your password alone is enough." };
pub(super) static SESSION_ENDED: Flash = Flash { code: "session-ended", text: "That browser was logged out." };
pub(super) static SESSIONS_ENDED: Flash = Flash { code: "sessions-ended", text: "All other browsers were logged out." };
pub(super) static UNLINKED: Flash = Flash { code: "unlinked", text: "The log-in was unlinked." };
pub(super) static ADDRESS_CREATED: Flash =
    Flash { code: "address-created", text: "The address is yours, and can be paid at once." };
pub(super) static ADDRESS_RENAMED: Flash = Flash { code: "address-renamed", text: "The public name was saved." };
pub(super) static ADDRESS_CLOSED: Flash =
    Flash { code: "address-closed", text: "The address is deactivated: nobody can pay to it or from it." };
pub(super) static ADDRESS_OPENED: Flash =
    Flash { code: "address-opened", text: "The address is active again, and can be paid at once." };
pub(super) static KEY_ADDED: Flash = Flash { code: "key-added", text: "The key was added, and is in force." };
pub(super) static KEY_REMOVED: Flash =
    Flash { code: "key-removed", text: "The key was removed. Nothing that it signs is accepted any more." };
pub(super) static REQUEST_MADE: Flash =
    Flash { code: "request-made", text: "The request is ready. Give its link to whoever shall pay." };
pub(super) static REQUEST_CLOSED: Flash =
    Flash { code: "request-closed", text: "The request is closed: it takes no more money." };
static FLASHES: &[&Flash] = &[
    &DISPLAY_SAVED,
    &APP_PAUSED,
    &APP_RESUMED,
    &APP_LOWERED,
    &APP_REVOKED,
    &PROFILE_SAVED,
    &PASSWORD_CHANGED,
    &PASSWORD_REMOVED,
    &PASSKEY_ADDED,
    &PASSKEY_RENAMED,
    &PASSKEY_REMOVED,
    &CODES_FIRST,
    &SECOND_ON,
    &SECOND_OFF,
    &SESSION_ENDED,
    &SESSIONS_ENDED,
    &UNLINKED,
    &ADDRESS_CREATED,
    &ADDRESS_RENAMED,
    &ADDRESS_CLOSED,
    &ADDRESS_OPENED,
    &KEY_ADDED,
    &KEY_REMOVED,
    &REQUEST_MADE,
    &REQUEST_CLOSED,
];

impl Flash {
    /// The word that stands for it in a cookie.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The one with this code.
    pub(super) fn of_code(code: &str) -> Option<&'static Self> {
        FLASHES.iter().copied().find(|flash| flash.code == code)
    }
}

/// What surrounds the content of each page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The provider's name.
    pub(super) provider: String,
    /// Whether money is only play money.
    pub(super) is_sandbox: bool,
    /// Who is logged in.
    pub(super) person: Option<String>,
    /// The token for the page's forms.
    pub(super) token: String,
    /// Where the page is, to come back to it.
    pub(super) here: String,
    pub(super) menu: Vec<Link>,
    pub(super) flash: Option<&'static Flash>,
    /// How numbers and times are written.
    pub(super) view: View,
    /// The cookie by which the script tells the browser's time zone; none if the reader chose one.
    pub(super) zone_cookie: Option<String>,
    pub(super) urls: Urls,
}

impl Frame {
    /// The frame of a page at `here`.
    pub(super) fn new(app: &App, visitor: &Visitor, here: &str) -> Self {
        Self {
            person: visitor.seat.as_ref().map(|seat| seat.display_name.as_ref().unwrap_or(&seat.person.name).clone()),
            token: visitor.form_token(app),
            here: here.to_owned(),
            menu: menu(here),
            flash: visitor.flash,
            zone_cookie: visitor.view.chosen.zone.is_none().then(|| visitor::zone_cookie_name(&app.config)),
            view: visitor.view.clone(),
            ..Self::bare(app)
        }
    }

    /// The frame of a page without forms, for nobody in particular.
    pub(super) fn bare(app: &App) -> Self {
        Self {
            provider: app.config.provider_name.clone(),
            is_sandbox: app.config.sandbox,
            person: None,
            token: String::new(),
            here: "/".to_owned(),
            menu: Vec::new(),
            flash: None,
            view: View::unknown(app.clock.now()),
            zone_cookie: None,
            urls: Urls::new(),
        }
    }

    /// Whether the menu leads to this part of the wallet, so that pages can.
    pub(super) fn has(&self, path: &str) -> bool {
        self.menu.iter().any(|link| link.path == path)
    }

    /// Where the page is, as part of a query.
    pub(super) fn here_in_query(&self) -> String {
        form_urlencoded::byte_serialize(self.here.as_bytes()).collect()
    }

    /// The time zone of the page, if it is the reader's.
    pub(super) fn zone(&self) -> &str {
        match self.view.zone_name() {
            (name, true) => name,
            (_, false) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_marks_where_one_is() {
        fn check(here: &str, expected: Option<&str>) {
            let marked: Vec<&str> = menu(here).iter().filter(|link| link.is_here).map(|link| link.path).collect();
            assert_eq!(marked, expected.into_iter().collect::<Vec<_>>(), "{here}");
        }
        check("/wallet", Some("/wallet"));
        check("/wallet?a=b", Some("/wallet"));
        check("/wallet/account", Some("/wallet/account"));
        check("/wallet/account/display?x=/wallet", Some("/wallet/account"));
        check("/wallet/request", Some("/wallet/send"));
        check("/wallet/request/0196e0c2/close", Some("/wallet/send"));
        check("/wallet/requests", None);
        check("/wallet/accounting", None);
        check("/wallet/elsewhere", None);
        check("/", None);
    }

    #[test]
    fn what_was_done_is_known_by_its_code() {
        for flash in FLASHES.iter().copied() {
            assert_eq!(Flash::of_code(flash.code()), Some(flash));
            assert!(flash.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "it is the value of a cookie");
            assert!(flash.text.ends_with('.'));
        }
        assert_eq!(Flash::of_code("<b>paid</b>"), None);
    }
}
