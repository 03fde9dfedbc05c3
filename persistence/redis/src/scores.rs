//! Prices as scores.

use pricetime_engine::{Action, Price, Terms};

/// Returns `true` if every price that these terms allow has a score of its own. Scores are doubles.
#[must_use]
pub fn scores_are_exact(terms: &Terms) -> bool {
    let exact = |price: Price| price.0.unsigned_abs() <= 1 << 53;
    exact(terms.price_min) && exact(terms.price_max)
}

/// Returns `true` if every price in every market still has a score of its own after this action.
#[must_use]
pub fn scores_are_exact_after(action: &Action) -> bool {
    match action {
        Action::AddMarket(spec) => scores_are_exact(&spec.terms),
        Action::SetMarket(terms) => scores_are_exact(terms),
        Action::RemoveMarket
        | Action::Place(_)
        | Action::Amend(_)
        | Action::Cancel { .. }
        | Action::CancelAll { .. }
        | Action::CancelSession { .. }
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime
        | Action::BlockAccount(_)
        | Action::UnblockAccount(_) => true,
    }
}
