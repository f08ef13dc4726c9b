//! A document tree in one vector, built by html5ever within a budget.
//!
//! html5ever follows the HTML standard, also where that multiplies nodes: an
//! unclosed `<b>` is opened again in every later paragraph, so a small file can
//! ask for gigabytes. The parser is therefore fed in pieces and stopped when
//! the tree outgrows [`MAX_NODES`] or [`MAX_DEPTH`]. A ready-made tree (scraper)
//! was tried and rejected: it cannot be stopped half way. Nodes refer to each other by
//! number, so neither walking nor dropping the tree recurses.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, ParseOpts, QualName, local_name, ns};

use crate::source::SkipReason;

/// Most nodes a page may have. The largest page of the Rust documentation,
/// a whole book on one page, has about 300,000.
pub(super) const MAX_NODES: usize = 4_000_000;

/// Deepest nesting of elements; browsers stop at the same number. The parser
/// looks through the open elements for every tag, so this bounds its time too.
pub(super) const MAX_DEPTH: u32 = 512;

/// Bytes handed to the parser between two looks at the budget.
const FEED_BYTES: usize = 16 << 10;

/// A node's number in its [`Dom`].
pub(super) type NodeId = u32;

const NONE: NodeId = NodeId::MAX;

/// What a node is.
#[derive(Debug)]
pub(super) enum NodeData {
    /// The root, a comment, a doctype: nothing a reader sees.
    Other,
    /// An element.
    Element { name: QualName, attributes: Vec<Attribute> },
    /// Text, entities resolved.
    Text(StrTendril),
}

#[derive(Debug)]
struct Node {
    data: NodeData,
    parent: NodeId,
    previous: NodeId,
    next: NodeId,
    first_child: NodeId,
    last_child: NodeId,
    depth: u32,
}

impl Node {
    fn orphan(data: NodeData) -> Self {
        Self {
            data,
            parent: NONE,
            previous: NONE,
            next: NONE,
            first_child: NONE,
            last_child: NONE,
            depth: 0,
        }
    }
}

/// A parsed page.
#[derive(Debug)]
pub(super) struct Dom {
    nodes: Vec<Node>,
    deepest: u32,
}

/// A step of [`Dom::walk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The walk reaches a node; its children come next.
    Enter(NodeId),
    /// All children of the node were visited.
    Leave(NodeId),
}

/// Visits a subtree in document order without recursion.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    dom: &'a Dom,
    root: NodeId,
    next: Option<Step>,
}

impl Dom {
    /// The root's number.
    pub(super) const ROOT: NodeId = 0;

    /// Parses a page the way a browser without scripts does.
    ///
    /// # Errors
    /// [`SkipReason::TooDeep`] and [`SkipReason::TooManyParts`] when the tree
    /// outgrows its budget.
    pub(super) fn parse(html: &str) -> Result<Self, SkipReason> {
        let sink = Sink { dom: RefCell::new(Self::new()) };
        let mut parser = html5ever::parse_document(sink, ParseOpts::default());
        let mut rest = html;
        while !rest.is_empty() {
            let mut cut = rest.len().min(FEED_BYTES);
            while !rest.is_char_boundary(cut) {
                cut += 1;
            }
            let (piece, tail) = rest.split_at(cut);
            parser.process(StrTendril::from_slice(piece));
            parser.tokenizer.sink.sink.dom.borrow().check_budget()?;
            rest = tail;
        }
        let dom = parser.finish();
        dom.check_budget()?;
        Ok(dom)
    }

    /// The text of a text node.
    pub(super) fn text(&self, id: NodeId) -> Option<&str> {
        match &self.node(id).data {
            NodeData::Text(text) => Some(text),
            NodeData::Other | NodeData::Element { .. } => None,
        }
    }

    /// An element's tag name in lower case; empty for every other node.
    pub(super) fn tag(&self, id: NodeId) -> &str {
        match &self.node(id).data {
            NodeData::Element { name, .. } => &name.local,
            NodeData::Other | NodeData::Text(_) => "",
        }
    }

    /// An attribute's value.
    pub(super) fn attribute(&self, id: NodeId, name: &str) -> Option<&str> {
        match &self.node(id).data {
            NodeData::Element { attributes, .. } => {
                attributes.iter().find(|a| &*a.name.local == name).map(|a| &*a.value)
            }
            NodeData::Other | NodeData::Text(_) => None,
        }
    }

    /// The `id` attribute, when it is not empty.
    pub(super) fn anchor(&self, id: NodeId) -> Option<&str> {
        self.attribute(id, "id").map(str::trim).filter(|value| !value.is_empty())
    }

    /// Whether `class` is among the element's classes.
    pub(super) fn has_class(&self, id: NodeId, class: &str) -> bool {
        self.classes(id).any(|c| c == class)
    }

    /// The element's classes.
    pub(super) fn classes(&self, id: NodeId) -> impl Iterator<Item = &str> {
        self.attribute(id, "class").unwrap_or("").split_ascii_whitespace()
    }

    /// The parent, `None` at the root.
    pub(super) fn parent(&self, id: NodeId) -> Option<NodeId> {
        some(self.node(id).parent)
    }

    /// The children in order.
    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(some(self.node(id).first_child), |&child| some(self.node(child).next))
    }

    /// The elements below `root`, in document order.
    pub(super) fn elements(&self, root: NodeId) -> impl Iterator<Item = NodeId> {
        self.walk(root).filter_map(|step| match step {
            Step::Enter(id) if !self.tag(id).is_empty() => Some(id),
            Step::Enter(_) | Step::Leave(_) => None,
        })
    }

    /// Visits `root` and all below it.
    pub(super) fn walk(&self, root: NodeId) -> Walk<'_> {
        Walk { dom: self, root, next: Some(Step::Enter(root)) }
    }

    fn new() -> Self {
        Self { nodes: vec![Node::orphan(NodeData::Other)], deepest: 0 }
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    fn check_budget(&self) -> Result<(), SkipReason> {
        if self.nodes.len() > MAX_NODES {
            return Err(SkipReason::TooManyParts { part: "nodes", limit: MAX_NODES });
        }
        if self.deepest > MAX_DEPTH {
            return Err(SkipReason::TooDeep { limit: MAX_DEPTH as usize });
        }
        Ok(())
    }

    fn create(&mut self, data: NodeData) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node::orphan(data));
        id
    }

    fn detach(&mut self, id: NodeId) {
        let (parent, previous, next) = {
            let node = self.node_mut(id);
            let links = (node.parent, node.previous, node.next);
            (node.parent, node.previous, node.next) = (NONE, NONE, NONE);
            links
        };
        if previous != NONE {
            self.node_mut(previous).next = next;
        } else if parent != NONE {
            self.node_mut(parent).first_child = next;
        }
        if next != NONE {
            self.node_mut(next).previous = previous;
        } else if parent != NONE {
            self.node_mut(parent).last_child = previous;
        }
    }

    /// Puts `id` under `parent`, before `next` or at the end.
    fn insert(&mut self, parent: NodeId, next: NodeId, id: NodeId) {
        self.detach(id);
        let previous =
            if next == NONE { self.node(parent).last_child } else { self.node(next).previous };
        let depth = self.node(parent).depth + 1;
        let node = self.node_mut(id);
        (node.parent, node.previous, node.next) = (parent, previous, next);
        node.depth = depth;
        let is_element = matches!(node.data, NodeData::Element { .. });
        if previous == NONE {
            self.node_mut(parent).first_child = id;
        } else {
            self.node_mut(previous).next = id;
        }
        if next == NONE {
            self.node_mut(parent).last_child = id;
        } else {
            self.node_mut(next).previous = id;
        }
        if is_element {
            self.deepest = self.deepest.max(depth);
        }
    }

    fn insert_node_or_text(&mut self, parent: NodeId, next: NodeId, child: NodeOrText<Handle>) {
        match child {
            NodeOrText::AppendNode(handle) => self.insert(parent, next, handle.id),
            NodeOrText::AppendText(text) => {
                let before = if next == NONE {
                    self.node(parent).last_child
                } else {
                    self.node(next).previous
                };
                if before != NONE
                    && let NodeData::Text(existing) = &mut self.node_mut(before).data
                {
                    existing.push_tendril(&text);
                    return;
                }
                let id = self.create(NodeData::Text(text));
                self.insert(parent, next, id);
            }
        }
    }
}

impl Walk<'_> {
    /// Leaves out all below the node just entered, and its `Leave`.
    pub(super) fn leave_out(&mut self, entered: NodeId) {
        self.next = self.after(entered);
    }

    fn after(&self, id: NodeId) -> Option<Step> {
        if id == self.root {
            return None;
        }
        let node = self.dom.node(id);
        some(node.next).map(Step::Enter).or(some(node.parent).map(Step::Leave))
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let step = self.next?;
        self.next = match step {
            Step::Enter(id) => {
                Some(some(self.dom.node(id).first_child).map_or(Step::Leave(id), Step::Enter))
            }
            Step::Leave(id) => self.after(id),
        };
        Some(step)
    }
}

fn some(id: NodeId) -> Option<NodeId> {
    (id != NONE).then_some(id)
}

/// What html5ever holds of a node. It carries the name because the parser asks
/// for it while the tree is being changed.
#[derive(Clone)]
struct Handle {
    id: NodeId,
    name: QualName,
}

fn nameless(id: NodeId) -> Handle {
    Handle { id, name: QualName::new(None, ns!(), local_name!("")) }
}

struct Sink {
    dom: RefCell<Dom>,
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Dom;
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Dom {
        self.dom.into_inner()
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        nameless(Dom::ROOT)
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        &target.name
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        _flags: ElementFlags,
    ) -> Handle {
        let data = NodeData::Element { name: name.clone(), attributes };
        Handle { id: self.dom.borrow_mut().create(data), name }
    }

    fn create_comment(&self, _text: StrTendril) -> Handle {
        nameless(self.dom.borrow_mut().create(NodeData::Other))
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> Handle {
        nameless(self.dom.borrow_mut().create(NodeData::Other))
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.dom.borrow_mut().insert_node_or_text(parent.id, NONE, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        previous_element: &Handle,
        child: NodeOrText<Handle>,
    ) {
        if self.dom.borrow().node(element.id).parent == NONE {
            self.append(previous_element, child);
        } else {
            self.append_before_sibling(element, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// A template's content goes below the template itself, which is never shown.
    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.id == y.id
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new_node: NodeOrText<Handle>) {
        let mut dom = self.dom.borrow_mut();
        let parent = dom.node(sibling.id).parent;
        if parent != NONE {
            dom.insert_node_or_text(parent, sibling.id, new_node);
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, new: Vec<Attribute>) {
        if let NodeData::Element { attributes, .. } =
            &mut self.dom.borrow_mut().node_mut(target.id).data
        {
            for attribute in new {
                if attributes.iter().all(|known| known.name != attribute.name) {
                    attributes.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.dom.borrow_mut().detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        let mut dom = self.dom.borrow_mut();
        while let Some(child) = some(dom.node(node.id).first_child) {
            dom.insert(new_parent.id, NONE, child);
        }
    }
}
