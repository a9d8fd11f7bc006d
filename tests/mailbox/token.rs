//! Logins by an access token at a real Dovecot, and accounts that are no address.

use super::real::{account, soon, token as search};
use crate::support::mail::token::{forged, token};
use crate::support::mail::{HARBOUR, MailServer, shared};
use crate::support::need;
use checker_parts::login::{LoginBy, TokenCommand};
use checker_parts::mailbox::{ImapAccount, Looked, Password, look};

fn printing(token: &str) -> LoginBy {
    LoginBy::Token(TokenCommand::new(["/bin/echo", token].map(str::to_owned).to_vec(), "[canary]"))
}

fn looked(account: &ImapAccount) -> Result<Looked, String> {
    look(account, &[search()], soon()).map_err(|e| e.to_string())
}

#[test]
fn a_token_opens_the_mailbox() {
    if !need("postfix") {
        return;
    }
    let good = account(shared(), "probe");
    let by = printing(&token(&MailServer::address("probe"), 600));
    assert_eq!(looked(&ImapAccount { by, ..good.clone() }), Ok(Looked::default()));
    let plain = ImapAccount { user: HARBOUR.to_owned(), ..good };
    for by in [Password::new("pw-harbour").into(), printing(&token(HARBOUR, 600))] {
        assert_eq!(looked(&ImapAccount { by, ..plain.clone() }), Ok(Looked::default()), "no address");
    }
}

#[test]
fn a_token_that_is_not_good_is_told_with_the_servers_own_words() {
    if !need("postfix") {
        return;
    }
    let good = account(shared(), "probe");
    let user = MailServer::address("probe");
    for token in [token(&user, -60), forged(&user), token(HARBOUR, 600), "garbage".to_owned()] {
        let why = looked(&ImapAccount { by: printing(&token), ..good.clone() }).unwrap_err();
        let words = format!(
            "mail server localhost:{}: the access token for \"probe@checker.test\" is refused; see that token_command prints a \
             fresh one for this user, with the right to read mail by IMAP. It says: [AUTHENTICATIONFAILED] Authentication \
             failed. (status 401, schemes bearer, scope mail)",
            good.port
        );
        assert_eq!(why, words);
    }
    let none = looked(&ImapAccount { by: printing(""), ..good }).unwrap_err();
    assert!(none.contains("no login: token_command under [canary] (/bin/echo) printed no token"), "{none}");
}
