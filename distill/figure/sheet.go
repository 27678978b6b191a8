package figure

import (
	"encoding/base64"
	"html/template"
)

// Size of a contact sheet in a page.
const (
	sheetWidth = 920 // pixels; a page shows it half as wide, so that it stays sharp
	sheetScale = 8
)

// Sheet is a contact sheet as an element of a page.
type Sheet struct {
	PNG   template.URL
	Width int // in the page, in pixels
}

// NewSheet makes a contact sheet of a size that fits a page, from one whose width
// in pixels is given without enlargement; png draws it enlarged by a factor.
func NewSheet(plain int, png func(scale int) ([]byte, error)) (Sheet, error) {
	scale := min(max(1, sheetWidth/max(1, plain)), sheetScale)
	content, err := png(scale)
	if err != nil {
		return Sheet{}, err
	}
	// base64 cannot leave its attribute
	url := template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(content))
	return Sheet{url, min(plain*scale, sheetWidth) / 2}, nil
}
