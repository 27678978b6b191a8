package open

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// unused warns of settings that do not concern the data, and refuses uses for
// parts that do not exist.
func (c *contents) unused(r Reading) error {
	if len(r.Parts) > 0 && !c.account.Parted {
		return c.whole(fmt.Errorf("%w: there are no parts whose use could be chosen", files.ErrFormat), "leave out --part")
	}
	isTable, isPictures := c.train.Columns != nil, strings.Contains(c.kind, "pictures")
	for kind := range c.account.Read {
		isPictures = isPictures || strings.HasSuffix(kind, " picture")
	}
	isArrays := !isTable && !isPictures && !c.fromZero
	for _, f := range []struct {
		name     string
		set, fit bool
	}{
		{"label", r.Label != "", isTable || strings.Contains(c.kind, "Parquet")},
		{"drop", len(r.Drop) > 0, isTable}, {"keep", len(r.Keep) > 0, isTable}, {"header", r.Header != "", isTable},
		{"separator", r.Separator != "", isTable}, {"decimal", r.Decimal != "", isTable},
		{"encode", r.Encode, isTable}, {"dates", r.Dates, isTable},
		{"layout", r.Layout != "", isArrays || isTable || c.fromZero},
		{"background", r.Background != "", isPictures}, {"resize", r.Resize, isPictures},
	} {
		if f.set && !f.fit {
			c.account.Warn("flag-unused", "--"+f.name, "--%s changes nothing: it does not concern %s", f.name, c.kind)
		}
	}
	return nil
}
