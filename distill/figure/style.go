package figure

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.css
var pageCSS string

// PageStyle is the style sheet of pages with figures, with the inks of figures for both schemes.
func PageStyle() template.CSS {
	var light, dark strings.Builder
	for _, i := range Inks() {
		fmt.Fprintf(&light, "--%s:%s;", i.Name, i.Light)
		fmt.Fprintf(&dark, "--%s:%s;", i.Name, i.Dark)
	}
	return template.CSS(fmt.Sprintf(":root{%s}\n@media screen and (prefers-color-scheme:dark){:root{%s}}\n%s",
		light.String(), dark.String(), pageCSS)) // all ours
}
