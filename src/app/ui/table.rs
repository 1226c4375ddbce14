//! Tables: figures at the end, tabular, no stripes, the sum above a darker line.

use super::Text;
use crate::view::prelude::*;

/// The head of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    pub label: String,
    /// Figures stand at the end of their cell.
    pub figures: bool,
}

/// A table. Children are rows: `<tr><th scope="row">…</th><td class="figure">…</td></tr>`.
#[component]
pub fn Table(
    /// What the table holds, for screen readers.
    #[prop(into)]
    caption: Text,
    #[prop(into)] columns: Signal<Vec<Column>>,
    children: Children,
    /// The row of sums.
    #[prop(optional)]
    sum: Option<View>,
) -> impl IntoView {
    let head = |Column { label, figures }: Column| view! { <th scope="col" class:figure=figures>{label}</th> };
    // Where it is wider than the page it is scrolled, by the keyboard too.
    view! {
        <div class="table" role="region" tabindex="0" aria-label=move || caption.get()>
            <table>
                <caption class="only-heard">{move || caption.get()}</caption>
                <thead>
                    <tr>{move || columns.get().into_iter().map(head).collect::<View>()}</tr>
                </thead>
                <tbody>{children()}</tbody>
                {sum.map(|sum| view! { <tfoot>{sum}</tfoot> })}
            </table>
        </div>
    }
}
