//! What screens are drawn with: markup behind one type, on Leptos's signals.
//!
//! [`view!`](yingke_markup::view) turns markup into a template and what fills its holes ([`Markup`]). A part that changes
//! is a closure, and runs again by itself when a signal changes that it has read. Everything here exists once, however much markup there is: that
//! keeps a first visit small. What stays the same between two runs stays on the page, with its focus, what was typed in
//! it and where it was scrolled to.

#[cfg(all(test, target_arch = "wasm32"))]
mod contract;
mod draw;
mod keyed;
mod template;

use std::{borrow::Cow, fmt};

use leptos::{
    ev::EventDescriptor,
    html::ElementType,
    prelude::{Get, Memo, NodeRef, RwSignal, Signal, untrack},
    tachys::html::node_ref::NodeRefContainer,
    wasm_bindgen::JsCast,
    web_sys,
};

pub use draw::mount;
pub use keyed::keyed;

/// What a screen's file begins with: Leptos's signals and owners, and our own way to draw.
pub mod prelude {
    pub use super::{Children, IntoView, View, keyed, shown};
    pub use leptos::{
        component,
        prelude::{
            Callable, Callback, Effect, Get, GetUntracked, GetValue, Memo, NodeRef, RwSignal, Set, SetValue, Signal,
            StoredValue, TimeoutHandle, Update, UpdateValue, With, WithUntracked, WithValue, document,
            event_target_value, on_cleanup, provide_context, request_animation_frame, set_timeout,
            set_timeout_with_handle, untrack, use_context, window, window_event_listener,
        },
    };
    pub use yingke_markup::view;
}

/// Something to draw. Nothing is on the page until it is mounted.
pub enum View {
    Nothing,
    Text(Cow<'static, str>),
    Markup(Markup),
    Several(Vec<View>),
    /// Runs again when a signal changes that it has read.
    Live(Box<dyn FnMut() -> View>),
    Keyed(keyed::Rows),
}

/// The children that a component was given.
pub type Children = Box<dyn FnOnce() -> View>;

/// An element with all that is in it: a template of what never changes, and what fills its holes, in order.
pub struct Markup {
    template: &'static str,
    holes: Vec<Hole>,
}

enum Hole {
    /// Of the attribute, class, style or property that the template names.
    Value(Value),
    On(Cow<'static, str>, Box<dyn Fn(web_sys::Event)>),
    /// Told once the element is there.
    Made(Box<dyn FnOnce(&web_sys::Element)>),
    Child(View),
}

/// What an attribute says. Absent takes it away; a text of no length is a flag that is set.
pub enum Value {
    Absent,
    Text(Cow<'static, str>),
    /// Runs again when a signal changes that it has read.
    Live(Box<dyn FnMut() -> Value>),
}

impl Markup {
    #[must_use]
    pub fn of(template: &'static str) -> Self {
        Self { template, holes: Vec::new() }
    }

    #[inline(never)]
    pub fn value(&mut self, value: Value) {
        self.holes.push(Hole::Value(value));
    }

    #[inline(never)]
    pub fn child(&mut self, child: View) {
        self.holes.push(Hole::Child(child));
    }

    pub fn on<E: EventDescriptor>(&mut self, event: E, does: impl Fn(E::EventType) + 'static)
    where
        E::EventType: JsCast,
    {
        self.listen(event.name(), Box::new(move |event: web_sys::Event| does(event.unchecked_into())));
    }

    pub fn node_ref<E>(&mut self, node_ref: NodeRef<E>)
    where
        E: ElementType,
        E::Output: JsCast + Clone + 'static,
    {
        let made = move |element: &web_sys::Element| NodeRefContainer::<E>::load(node_ref, element);
        self.holes.push(Hole::Made(Box::new(made)));
    }

    #[inline(never)]
    fn listen(&mut self, event: Cow<'static, str>, does: Box<dyn Fn(web_sys::Event)>) {
        self.holes.push(Hole::On(event, does));
    }
}

macro_rules! without_details {
    ($($of:ty),*) => {$(
        impl fmt::Debug for $of {
            /// What is drawn holds names and numbers of people, which reach no trace.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($of), "(…)"))
            }
        }
    )*};
}
without_details!(View, Markup, Value, keyed::Rows);

/// What can be drawn.
pub trait IntoView {
    fn into_view(self) -> View;
}

impl IntoView for View {
    fn into_view(self) -> View {
        self
    }
}

impl IntoView for () {
    fn into_view(self) -> View {
        View::Nothing
    }
}

impl IntoView for &'static str {
    fn into_view(self) -> View {
        View::Text(Cow::Borrowed(self))
    }
}

impl IntoView for String {
    fn into_view(self) -> View {
        View::Text(Cow::Owned(self))
    }
}

impl<V: IntoView> IntoView for Option<V> {
    fn into_view(self) -> View {
        self.map_or(View::Nothing, V::into_view)
    }
}

impl<V: IntoView> IntoView for Vec<V> {
    fn into_view(self) -> View {
        self.into_iter().collect()
    }
}

impl<V: IntoView, F: FnMut() -> V + 'static> IntoView for F {
    fn into_view(mut self) -> View {
        View::Live(Box::new(move || self().into_view()))
    }
}

impl<V: IntoView> FromIterator<V> for View {
    fn from_iter<I: IntoIterator<Item = V>>(views: I) -> Self {
        View::Several(views.into_iter().map(V::into_view).collect())
    }
}

/// Draws while something is so; what it drew stays until that changes.
pub fn shown(is_so: impl Fn() -> bool + Send + Sync + 'static, draw: impl Fn() -> View + 'static) -> View {
    let is_so = Memo::new(move |_| is_so());
    View::Live(Box::new(move || if is_so.get() { untrack(&draw) } else { View::Nothing }))
}

/// What an attribute can be given.
pub trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for &'static str {
    fn into_value(self) -> Value {
        Value::Text(Cow::Borrowed(self))
    }
}

impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::Text(Cow::Owned(self))
    }
}

impl IntoValue for bool {
    fn into_value(self) -> Value {
        if self { Value::Text(Cow::Borrowed("")) } else { Value::Absent }
    }
}

impl<V: IntoValue> IntoValue for Option<V> {
    fn into_value(self) -> Value {
        self.map_or(Value::Absent, V::into_value)
    }
}

impl<V: IntoValue, F: FnMut() -> V + 'static> IntoValue for F {
    fn into_value(mut self) -> Value {
        Value::Live(Box::new(move || self().into_value()))
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl IntoValue for $number {
            fn into_value(self) -> Value {
                Value::Text(Cow::Owned(self.to_string()))
            }
        }

        impl IntoView for $number {
            fn into_view(self) -> View {
                View::Text(Cow::Owned(self.to_string()))
            }
        }
    )*};
}
numbers!(u8, i32, u32, usize);

macro_rules! signals {
    ($($signal:ident),*) => {$(
        impl<V: IntoView + Clone + Send + Sync + 'static> IntoView for $signal<V> {
            fn into_view(self) -> View {
                View::Live(Box::new(move || self.get().into_view()))
            }
        }

        impl<V: IntoValue + Clone + Send + Sync + 'static> IntoValue for $signal<V> {
            fn into_value(self) -> Value {
                Value::Live(Box::new(move || self.get().into_value()))
            }
        }
    )*};
}
signals!(Signal, Memo, RwSignal);
