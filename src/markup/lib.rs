//! `view!`: markup in Rust, as Leptos writes it, drawn through one type.
//!
//! Leptos's own macro makes a type of its own out of each piece of markup, and code to draw, redraw and take away each
//! of them: most of what a first visit fetched. This one writes what never changes into one text, and hands what may
//! change to `crate::view::Markup`, which exists once. Parser, components, props and signals are Leptos's.
//!
//! What it takes: elements with `name=value`, `class:name=`, `style:name=`, `prop:name=`, `on:event=`, `node_ref=` and
//! `inner_html=`; components with props and children; blocks and texts between them.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use rstml::Infallible;
use rstml::node::{KeyedAttribute, Node, NodeAttribute, NodeElement, NodeName};
use syn::spanned::Spanned;

/// Markup as a `crate::view::View`.
#[proc_macro]
pub fn view(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let config = rstml::ParserConfig::new().recover_block(true).always_self_closed_elements(
        ["br", "hr", "img", "input", "link", "meta", "source", "track", "wbr"].into_iter().collect(),
    );
    let (nodes, problems) = rstml::Parser::new(config).parse_recoverable(tokens).split_vec();
    let problems = problems.into_iter().map(proc_macro2_diagnostics::Diagnostic::emit_as_expr_tokens);
    let view = several(&nodes).unwrap_or_else(|error| error.to_compile_error());
    quote!({ #(#problems;)* #view }).into()
}

/// What stands before each part of a template; `crate::view::template` reads them.
mod mark {
    pub const OPEN: char = '\u{1}';
    pub const CLOSE: char = '\u{2}';
    pub const TEXT: char = '\u{3}';
    pub const ATTRIBUTE: char = '\u{4}';
    pub const VALUE: char = '\u{5}';
    pub const HOLE: char = '\u{6}';
}

/// Siblings as one view.
fn several(nodes: &[Node]) -> syn::Result<TokenStream> {
    let views = nodes.iter().filter_map(|node| one(node).transpose()).collect::<syn::Result<Vec<_>>>()?;
    Ok(match &views[..] {
        [] => quote!(crate::view::View::Nothing),
        [view] => view.clone(),
        views => quote!(crate::view::View::Several(vec![#(#views),*])),
    })
}

/// One node as an expression of type `View`; a comment is none.
fn one(node: &Node) -> syn::Result<Option<TokenStream>> {
    Ok(Some(match node {
        Node::Comment(_) => return Ok(None),
        Node::Fragment(fragment) => several(&fragment.children)?,
        Node::Block(block) => {
            quote_spanned!(block.span()=> crate::view::IntoView::into_view(#[allow(unused_braces)] #block))
        }
        Node::Element(element) if is_component(element.name()) => component(element)?,
        Node::Element(_) => {
            let mut markup = Markup::default();
            markup.node(node)?;
            markup.into_tokens()
        }
        node => match text(node)? {
            Some(text) => quote!(crate::view::IntoView::into_view(#text)),
            None => return Ok(None),
        },
    }))
}

fn text(node: &Node) -> syn::Result<Option<String>> {
    match node {
        Node::Text(text) => Ok(Some(text.value_string())),
        Node::RawText(text) => Ok(Some(text.to_string_best())),
        Node::Comment(_) => Ok(None),
        other => Err(syn::Error::new(other.span(), "this has no place in a view")),
    }
}

fn is_component(name: &NodeName) -> bool {
    name.to_string().rsplit("::").next().is_some_and(|last| last.starts_with(|first: char| first.is_uppercase()))
}

/// An element with all that is in it: what never changes as a text, and calls that fill its holes in order.
#[derive(Default)]
struct Markup {
    template: String,
    holes: TokenStream,
}

impl Markup {
    fn into_tokens(self) -> TokenStream {
        let Self { template, holes } = self;
        quote!({
            #[allow(unused_mut)]
            let mut markup = crate::view::Markup::of(#template);
            #holes
            crate::view::View::Markup(markup)
        })
    }

    fn node(&mut self, node: &Node) -> syn::Result<()> {
        match node {
            Node::Element(element) if !is_component(element.name()) => self.element(element),
            Node::Fragment(fragment) => fragment.children.iter().try_for_each(|node| self.node(node)),
            Node::Block(_) | Node::Element(_) => {
                let view = one(node)?.expect("blocks and components are views");
                self.part(mark::HOLE, "");
                self.holes.extend(quote!(markup.child(#view);));
                Ok(())
            }
            node => {
                if let Some(text) = text(node)? {
                    self.part(mark::TEXT, &text);
                }
                Ok(())
            }
        }
    }

    fn element(&mut self, element: &NodeElement<Infallible>) -> syn::Result<()> {
        self.part(mark::OPEN, &element.name().to_string());
        for attribute in element.attributes() {
            self.attribute(keyed(attribute)?);
        }
        element.children.iter().try_for_each(|child| self.node(child))?;
        self.part(mark::CLOSE, "");
        Ok(())
    }

    fn attribute(&mut self, attribute: &KeyedAttribute) {
        let name = attribute.key.to_string();
        let span = attribute.key.span();
        let value = value(attribute);
        if let Some(event) = name.strip_prefix("on:") {
            let event = event_of(event, span);
            self.part(mark::HOLE, "");
            self.holes.extend(quote_spanned!(span=> markup.on(#event, #value);));
        } else if name == "node_ref" {
            self.part(mark::HOLE, "");
            self.holes.extend(quote_spanned!(span=> markup.node_ref(#value);));
        } else if let Some(literal) = literal(attribute) {
            self.part(mark::ATTRIBUTE, &name);
            self.part(mark::VALUE, &literal);
        } else {
            self.part(mark::ATTRIBUTE, &name);
            self.part(mark::HOLE, "");
            self.holes.extend(quote_spanned!(span=> markup.value(crate::view::IntoValue::into_value(#value));));
        }
    }

    fn part(&mut self, mark: char, text: &str) {
        self.template.push(mark);
        self.template.push_str(text);
    }
}

fn event_of(event: &str, span: Span) -> TokenStream {
    match event {
        // Leptos has no name of its own for it.
        "cancel" => quote!(::leptos::ev::Custom::<::leptos::web_sys::Event>::new(#event)),
        event => {
            let event = format_ident!("{event}", span = span);
            quote!(::leptos::ev::#event)
        }
    }
}

fn component(element: &NodeElement<Infallible>) -> syn::Result<TokenStream> {
    let name = element.name();
    let mut props = TokenStream::new();
    for attribute in element.attributes() {
        let attribute = keyed(attribute)?;
        let prop = &attribute.key;
        // A prop without a value takes the variable of its name.
        let value = attribute.value().map_or_else(|| prop.to_token_stream(), ToTokens::to_token_stream);
        props.extend(quote_spanned!(prop.span()=> .#prop(#[allow(unused_braces)] { #value })));
    }
    if !element.children.is_empty() {
        let children = several(&element.children)?;
        props.extend(quote!(.children(::std::boxed::Box::new(move || #children))));
    }
    Ok(quote_spanned!(name.span()=> crate::view::IntoView::into_view(::leptos::component::component_view(
        #[allow(clippy::needless_borrows_for_generic_args)] &#name,
        ::leptos::component::component_props_builder(&#name) #props .build(),
    ))))
}

fn keyed(attribute: &NodeAttribute) -> syn::Result<&KeyedAttribute> {
    match attribute {
        NodeAttribute::Attribute(attribute) => Ok(attribute),
        NodeAttribute::Block(block) => Err(syn::Error::new(block.span(), "an attribute needs its name")),
    }
}

/// The value as it is written; an attribute without one is a flag that is set.
fn value(attribute: &KeyedAttribute) -> TokenStream {
    attribute.value().map_or_else(|| quote!(true), ToTokens::to_token_stream)
}

/// The value, if it never changes.
fn literal(attribute: &KeyedAttribute) -> Option<String> {
    match attribute.value() {
        None => Some(String::new()),
        Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) => Some(text.value()),
        Some(_) => None,
    }
}
