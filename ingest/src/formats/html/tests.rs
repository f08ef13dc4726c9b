//! Small pages in the shapes that mdBook, rustdoc and others write.

use engine::BlockKind;

use super::*;

fn page(head: &str, body: &str) -> String {
    format!("<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>")
}

fn check(html: &str, title: &str, text: &str) {
    let parsed = read(html).unwrap();
    assert_eq!((parsed.title.as_str(), parsed.text.as_str()), (title, text));
}

/// The anchors of the headings, in order.
fn anchors(html: &str) -> Vec<(u8, Option<String>)> {
    let headings = read(html).unwrap().blocks.into_iter().filter_map(|block| match block.kind {
        BlockKind::Heading { level, anchor } => Some((level, anchor)),
        BlockKind::Paragraph | BlockKind::ListItem | BlockKind::Code { .. } | BlockKind::Table => {
            None
        }
    });
    headings.collect()
}

const MDBOOK: &str = "<!-- Book generated using mdBook --><title>Loops - The Book</title>";

fn mdbook() -> String {
    page(
        MDBOOK,
        "<nav id=\"sidebar\">Menu</nav><main>\
         <h2 id=\"loops\"><a class=\"header\" href=\"#loops\">Loops &amp; <code>for</code></a></h2>\n\
         <p>Two\n  lines&nbsp;of <em>text</em>, see <a href=\"x.html\">there</a><!-- no -->.</p>\
         <pre class=\"playground\"><code class=\"language-rust edition2024\"><span class=\"boring\">fn main() {\n\
         </span>let x = 1;\n\n    y();\n<span class=\"boring\">}</span></code></pre>\
         <ul><li>One<ol start=\"3\"><li>Deep</li><li><p>Deeper</p><p>More</p></li></ol></li><li>Two</li></ul>\
         <div class=\"table-wrapper\"><table><thead><tr><th>K</th><th>V</th></tr></thead>\
         <tbody><tr><td><code>a</code></td><td>b<br>c</td></tr></tbody></table></div>\
         </main><nav class=\"nav-wrapper\"><a class=\"nav-chapters\">Next</a></nav>",
    )
}

#[test]
fn a_chapter_of_an_mdbook() {
    check(
        &mdbook(),
        "Loops & for",
        "Loops & for\n\nTwo lines of text, see there.\n\nlet x = 1;\n\n    y();\n\n\
         - One\n  3. Deep\n  4. Deeper\n\nMore\n\n- Two\n\nK | V\na | b c",
    );
    assert_eq!(anchors(&mdbook()), [(1, Some("loops".to_owned()))]);
    let code = &read(&mdbook()).unwrap().blocks[2];
    assert_eq!(code.kind, BlockKind::Code { language: Some("rust".to_owned()) });
}

#[test]
fn an_item_page_of_rustdoc() {
    let html = page(
        "<meta name=\"generator\" content=\"rustdoc\"><title>Thing in a::b - Rust</title>",
        "<nav class=\"sidebar\">Menu</nav><main><div class=\"width-limiter\"><section id=\"main-content\">\
         <div class=\"main-heading\"><div class=\"rustdoc-breadcrumbs\"><a>a</a>::<wbr><a>b</a></div>\
         <h1>Struct <span class=\"struct\">Thing</span>&nbsp;<button>Copy item path</button></h1>\
         <rustdoc-toolbar></rustdoc-toolbar><span class=\"sub-heading\">1.0.0 · <a class=\"src\">Source</a></span></div>\
         <pre class=\"rust item-decl\"><code>pub struct Thing { <span class=\"comment\">/* private */</span> }</code></pre>\
         <details class=\"toggle top-doc\" open><summary class=\"hideme\"><span>Expand description</span></summary>\
         <div class=\"docblock\"><p>A thing.</p></div></details>\
         <h2 id=\"fields\" class=\"fields section-header\">Fields<a href=\"#fields\" class=\"anchor\">§</a></h2>\
         <span id=\"structfield.x\" class=\"structfield section-header\"><a class=\"anchor field\" href=\"#structfield.x\">§</a><code>x: u8</code></span>\
         <div class=\"docblock\"><p>How many.</p></div>\
         <details class=\"toggle implementors-toggle\" open><summary><section id=\"impl-Thing\" class=\"impl\">\
         <a class=\"src rightside\">Source</a><a href=\"#impl-Thing\" class=\"anchor\">§</a><h3 class=\"code-header\">impl Thing</h3></section></summary>\
         <div class=\"impl-items\"><details class=\"toggle method-toggle\" open><summary><section id=\"method.new\" class=\"method\">\
         <span class=\"rightside\"><span class=\"since\">1.0.0</span></span>\
         <h4 class=\"code-header\">pub fn <a class=\"fn\">new</a>() -&gt; Self<div class=\"where\">where\n    Self: Sized,</div></h4></section></summary>\
         <div class=\"docblock\">Makes one. <a href=\"y\">Read more</a></div></details></div></details>\
         <h2 id=\"trait-implementations\">Trait Implementations</h2><div id=\"trait-implementations-list\">\
         <section id=\"impl-Copy\" class=\"impl\"><h3 class=\"code-header\">impl Copy for Thing<div class=\"where\">where\n Self: Sized</div></h3></section></div>\
         <h2 id=\"blanket-implementations\">Blanket</h2><div id=\"blanket-implementations-list\">impl Any</div>\
         <dl class=\"item-table\"><dt><a>It<wbr>er</a></dt><dt>Other</dt><dd>Another one.</dd></dl>\
         </section></div></main>",
    );
    check(
        &html,
        "Struct a::b::Thing",
        "Struct a::b::Thing\n\npub struct Thing { /* private */ }\n\nA thing.\n\nFields\n\nx: u8\n\n\
         How many.\n\nimpl Thing\n\npub fn new() -> Self where Self: Sized,\n\nMakes one.\n\n\
         Trait Implementations\n\n- impl Copy for Thing where Self: Sized\n- Iter\n- Other: Another one.",
    );
    let named = |anchor: &str| Some(anchor.to_owned());
    assert_eq!(
        anchors(&html),
        [
            (1, None),
            (2, named("fields")),
            (3, named("structfield.x")),
            (3, named("impl-Thing")),
            (4, named("method.new")),
            (2, named("trait-implementations")),
        ]
    );
}

#[test]
fn ordinary_pages_lose_their_chrome() {
    let chrome = "<header>Site</header><nav>Menu</nav><aside>Ads</aside>\
        <script>x()</script><style>p{}</style><div hidden>gone</div><p style=\"display: none\">gone</p>";
    let text = "<h1>Head<a class=\"headerlink\" href=\"#h\">¶</a></h1><p>Words.</p><form><input value=\"x\"><button>Go</button></form>";
    for body in [
        format!("{chrome}<main>{text}</main><footer>Imprint</footer>"),
        format!("{chrome}<article><header>{text}</header></article><footer>Imprint</footer>"),
        format!("{chrome}<div role=\"main\">{text}</div>"),
        format!("{chrome}{text}<footer>Imprint</footer>"),
    ] {
        check(&page("<title>Other | Site</title>", &body), "Head", "Head\n\nWords.");
    }
}

#[test]
fn without_landmarks_the_densest_block_is_the_content() {
    let words = "Many words about the matter, none of them a link. ".repeat(20);
    let menu = "<a href=\"there\">Entry of a menu</a> ".repeat(40);
    let body = format!(
        "<div id=\"menu\">{menu}</div><div id=\"outer\"><div><h2>Head</h2><p>{words}</p></div></div>"
    );
    let parsed = read(&page("<title>Page - Site</title>", &body)).unwrap();
    assert!(parsed.text.starts_with("Head\n\nMany words"), "{}", parsed.text);
    assert!(!parsed.text.contains("Entry"));
}

#[test]
fn the_title_element_serves_pages_without_a_heading() {
    check(&page("<title>The Page - A - Site</title>", "<p>x</p>"), "The Page - A", "x");
    check(&page("", "<p>x</p>"), "", "x");
}

#[test]
fn definitions_layout_tables_and_lines() {
    check(
        &page(
            "",
            "<main><dl><dt>-p</dt><dt>--package</dt><dd><p>Which one.</p><p>More.</p></dd>\
             <dt>-q</dt><dd><pre>quiet</pre></dd><dt>last</dt></dl>\
             <table><tr><td><h2>In a cell</h2><ul><li>kept</li></ul></td></tr></table>\
             <p>a<br> b</p><blockquote>said</blockquote>loose<div>ends</div></main>",
        ),
        "",
        "- -p, --package: Which one.\n\nMore.\n\n- -q\n\nquiet\n\n- last\n\nIn a cell\n\n- kept\n\n\
         a\nb\n\nsaid\n\nloose\n\nends",
    );
}

#[test]
fn pages_that_stand_for_others_are_named() {
    let check = |head: &str, expected: &str| {
        assert_eq!(read(&page(head, "<p>x</p>")).err().unwrap().to_string(), expected);
    };
    check("<meta http-equiv=\"refresh\" content=\"0;URL=there.html\">", "redirects to there.html");
    check("<meta http-equiv=\"Refresh\" content=\"0; url='a/b.html'\">", "redirects to a/b.html");
    check(
        &format!("{MDBOOK}<meta name=\"robots\" content=\"noindex\">"),
        "the print version of pages that are read one by one",
    );
    assert!(read(&page("<meta http-equiv=\"refresh\" content=\"30;url=x\">", "<p>x</p>")).is_ok());
    assert!(read(&page("<meta name=\"robots\" content=\"noindex\">", "<p>x</p>")).is_ok());
}

#[test]
fn depth_and_growth_are_limited() {
    let deep = "<div>".repeat(200_000);
    assert!(matches!(read(&deep), Err(SkipReason::TooDeep { .. })));
    // Every paragraph opens all the formatting again that was never closed.
    // Each with an id of its own, since equal ones are reopened three times only.
    let ids: Vec<String> = (0..400).map(|n| format!("<b id={n}>")).collect();
    let formats = ids.concat();
    let bomb = format!("<p>{formats}{}", "</p><p>x".repeat(200_000));
    assert!(matches!(
        read(&bomb),
        Err(SkipReason::TooManyParts { .. } | SkipReason::TooDeep { .. })
    ));
}
