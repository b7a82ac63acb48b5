/** The one style sheet of all pages. The content security policy names it by its hash; there are no style attributes. */
export const style = `
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#14181f;--soft:#545d6b;--line:#d8dce3;--accent:#1f5fbf;--on:#fff;--warn:#fff6df;--warn-line:#e0b64a;--bad:#fdeceb;--bad-line:#d9776f}
@media (prefers-color-scheme:dark){:root{--page:#0f1217;--card:#181d25;--ink:#e9edf3;--soft:#a4aebd;--line:#333b48;--accent:#8ab6ff;--on:#0b1626;--warn:#2d2612;--warn-line:#a5842b;--bad:#321a1a;--bad-line:#b4534c}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;padding:clamp(1rem,6vh,4.5rem) 1rem 2rem;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
main{width:100%;max-width:29rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:clamp(1.25rem,5vw,2.25rem)}
.brand{display:flex;align-items:center;gap:.55rem;margin:0 0 1.1rem;font-weight:650;letter-spacing:.01em}
.brand svg{width:1.6rem;height:1.6rem;color:var(--accent);flex:none}
h1{margin:0 0 .6rem;font-size:1.4rem;line-height:1.25;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere;text-wrap:balance}
h2{margin:1.4rem 0 .35rem;font-size:1rem;font-weight:600}
p{margin:0 0 .9rem;overflow-wrap:anywhere}
.soft{color:var(--soft)}
.small{font-size:.875rem}
form{margin:0}
label,legend{display:block;font-weight:600;margin:0 0 .35rem;padding:0}
fieldset{border:0;margin:1.4rem 0 0;padding:0;min-width:0}
input[type=email]{width:100%;min-height:2.9rem;padding:.6rem .8rem;font:inherit;color:inherit;background:var(--page);border:1px solid var(--soft);border-radius:9px}
button{width:100%;min-height:2.9rem;margin-top:1rem;padding:.6rem 1rem;font:inherit;font-weight:600;cursor:pointer;border:1px solid var(--accent);border-radius:9px;background:var(--accent);color:var(--on)}
button.quiet{background:transparent;color:var(--ink);border-color:var(--soft)}
button:hover{filter:brightness(1.08)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.choices{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}
.choices button{flex:1 1 9rem;margin:0}
.facts{margin:0;border-top:1px solid var(--line)}
.facts div{padding:.6rem 0;border-bottom:1px solid var(--line)}
.facts dt{font-size:.8rem;color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.id{display:block}
.facts dd.strong{font-weight:650}
ul{margin:0;padding:0;list-style:none}
li{display:flex;gap:.6rem;padding:.25rem 0}
li::before{content:"";flex:none;width:.4rem;height:.4rem;margin-top:.55rem;border-radius:50%;background:var(--accent)}
li span{overflow-wrap:anywhere}
.group{display:flex;align-items:center;gap:.7rem;min-height:2.75rem;padding:.45rem .8rem;margin:.45rem 0 0;border:1px solid var(--line);border-radius:9px;font-weight:400;cursor:pointer}
.group:has(:checked){border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.group input{width:1.15rem;height:1.15rem;margin:0;accent-color:var(--accent);flex:none}
.group span{overflow-wrap:anywhere;min-width:0}
.note{margin:1.2rem 0 0;padding:.75rem .9rem;border:1px solid var(--warn-line);border-radius:9px;background:var(--warn);font-size:.925rem}
.note.bad{margin:0 0 1rem;border-color:var(--bad-line);background:var(--bad)}
code{font:.85em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
a{color:var(--accent)}
@media (max-width:30rem){body{padding:0;background:var(--card)}main{border:0;border-radius:0;min-height:100vh}}
`;
