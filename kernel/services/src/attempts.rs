//! Who may try a password how often.
//!
//! A try is counted before the password is looked at, so that a thousand at the same moment are no more than one after
//! the other, and the count is taken back where the password was right. It counts against the account from this address,
//! the account from anywhere, and the address; each has room for so many within the window and gets it back evenly. A
//! name that nobody has is counted like one that somebody has. Tokens and sessions are no passwords: nobody finds
//! one by trying, and who is kept from logging in goes on working with them.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ballast_catalog::Charge;

use crate::{Failure, Hub, Result};

/// What is counted drains away over this time.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Failures within the window: of one account from one address, which is somebody who forgot their password,
const HERE: u32 = 10;
/// of one account, wherever they come from,
const ACCOUNT: u32 = 100;
/// and from one address, behind which a whole company may be.
const ADDRESS: u32 = 100;

/// A try that is counted.
pub(crate) struct Attempt {
    hub: Hub,
    charges: Vec<Charge>,
}

impl Hub {
    /// Counts what somebody does without an account, for the address that they do it from. `TooManyAttempts`.
    pub(crate) async fn attempt_from(&self, what: &str, from: Option<IpAddr>) -> Result<Attempt> {
        self.charge(vec![self.charge_of(format!("{what} from {}", network(from)), ADDRESS)]).await
    }

    /// Counts a try of an account's password. `TooManyAttempts` says when there is room for it.
    pub(crate) async fn attempt(&self, account: &str, from: Option<IpAddr>) -> Result<Attempt> {
        let network = network(from);
        let charges = vec![
            self.charge_of(format!("{account} from {network}"), HERE),
            self.charge_of(account.to_owned(), ACCOUNT),
            self.charge_of(format!("from {network}"), ADDRESS),
        ];
        self.charge(charges).await
    }

    fn charge_of(&self, what: String, most: u32) -> Charge {
        Charge { key: self.0.tickets.digest("attempt", &what), cost: WINDOW / most }
    }

    async fn charge(&self, charges: Vec<Charge>) -> Result<Attempt> {
        let now = self.now();
        match self.catalog().charge_attempt(charges.clone(), now, WINDOW).await? {
            None => Ok(Attempt { hub: self.clone(), charges }),
            Some(free) => {
                let wait = Duration::from_millis(u64::try_from(free.0 - now.0).unwrap_or(0));
                Err(Failure::TooManyAttempts { wait })
            }
        }
    }

    /// Removes counts that have drained away.
    pub async fn sweep_attempts(&self) -> Result<usize> {
        Ok(self.catalog().sweep_attempts(self.now()).await?)
    }
}

/// What stands for an address: whoever has one of IPv6 has a network of them.
fn network(from: Option<IpAddr>) -> String {
    match from {
        Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string(),
        Some(address) => address.to_string(),
        None => String::new(),
    }
}

impl Attempt {
    /// The password was right.
    pub async fn succeeded(self) -> Result<()> {
        Ok(self.hub.catalog().refund_attempt(self.charges).await?)
    }
}
