package figure

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.css
var pageCSS string

//go:embed page.html
var pageHTML string

// Page is what pages with figures have in common. Their templates say where: {{template "head" .}} is
// all before the body's main part, {{template "made" .}} how and from what the page was made.
type Page struct {
	Verb    string // that writes the page
	Brand   string // what it is
	Title   string
	Answer  []string    // sentences, the first of which leads
	Command string      // that made it; empty for none
	Facts   [][2]string // names and values
}

// PageTemplate is the template of a page, which must be part of the program.
func PageTemplate(text string, funcs template.FuncMap) *template.Template {
	return template.Must(template.Must(template.New("page").Funcs(funcs).Parse(pageHTML)).Parse(text))
}

// Style is the style sheet, with the inks of figures for both schemes.
func (Page) Style() template.CSS {
	var light, dark strings.Builder
	for _, i := range Inks() {
		fmt.Fprintf(&light, "--%s:%s;", i.Name, i.Light)
		fmt.Fprintf(&dark, "--%s:%s;", i.Name, i.Dark)
	}
	return template.CSS(fmt.Sprintf(":root{%s}\n@media screen and (prefers-color-scheme:dark){:root{%s}}\n%s",
		light.String(), dark.String(), pageCSS)) // all ours
}
