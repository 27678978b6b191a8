package open

import (
	"path"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
)

// upright turns the rows of pixels of published EMNIST tables and MATLAB files
// upright, which are transposed like the IDX files.
func (f *finder) upright(name string, parts ...*files.Part) {
	const side = 28
	if !strings.HasPrefix(strings.ToLower(path.Base(name)), "emnist") {
		return
	}
	for _, p := range parts {
		if p == nil || len(p.Dims) != 1 || p.Size() != side*side {
			continue
		}
		p.Dims = []int{side, side}
		array.Upright(p)
		f.account.See("emnist", "%s: EMNIST stores images on their side; they are turned upright", path.Base(name))
	}
}
