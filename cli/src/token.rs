//! Makes tokens for TCP connections.

use std::io::{self, Write};

use clap::Args;
use pricetime_gateway::token_digest;
use uuid::Uuid;

/// Makes a token for TCP connections.
///
/// Its configuration lines go to standard output, the token itself to standard error.
#[derive(Debug, Args)]
#[command(after_help = "Try:
  pricetime token --account 00000000-0000-0000-0000-00000000000a >> pricetime.toml
                                                   and give the printed token to the client

The configuration keeps only the token's SHA-256. A client gives the token in its first line:
  {\"hello\":{\"format\":1,\"token\":\"…\"}}")]
#[group(required = true, multiple = false)]
pub(crate) struct TokenCommand {
    /// An account that the token acts for; may be repeated.
    #[arg(long, value_name = "UUID")]
    account: Vec<Uuid>,
    /// Make an operator's token.
    #[arg(long)]
    operator: bool,
}

impl TokenCommand {
    /// Prints a new token.
    pub(crate) fn run(&self) -> io::Result<()> {
        // Two version 4 UUIDs have 244 random bits.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let digest: String =
            token_digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
        let accounts: Vec<_> = self.account.iter().map(|it| format!("\"{it}\"")).collect();
        let rights = if self.operator {
            String::from("operator = true")
        } else {
            format!("accounts = [{}]", accounts.join(", "))
        };
        let mut out = io::stdout().lock();
        writeln!(out, "\n[[listen.tokens]]\nsha256 = \"{digest}\"\n{rights}")?;
        out.flush()?;
        writeln!(io::stderr(), "token, shown only once: {token}")
    }
}
