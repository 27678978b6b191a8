package artifact

import (
	"bytes"

	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// Part is what some bytes of a set or a model are for.
type Part struct {
	What  string `json:"what"`
	Bytes int64  `json:"bytes"`
}

// words for the tensors of a set.
var words = map[string]string{codeTensor: "coefficients", imagesTensor: "pixels", rangeTensor: "ranges of pixels",
	labelsTensor: "labels"}

// Weigh says where each byte of the whole DAG of a set or a model goes. The parts sum to
// Files.Bytes.
func (f Files) Weigh() ([]Part, error) {
	var out []Part
	left := f.Bytes()
	add := func(what string, n int) {
		if n > 0 {
			out, left = append(out, Part{what, int64(n)}), left-int64(n)
		}
	}
	for _, name := range f.Names() {
		content := f[name]
		switch name {
		case SmallFile:
			line := bytes.IndexByte(content, '\n') + 1
			add("coefficients", len(content)-line)
			add("manifest", line)
		case DataFile:
			tensors, _, err := checkpoint.Decode(content, checkpoint.Limits{Tensors: 16, Rank: 4})
			if err != nil {
				return nil, invalid("set", "%s: %w", name, err)
			}
			header := len(content)
			for _, t := range tensors {
				add(words[t.Name], len(t.Data))
				header -= len(t.Data)
			}
			add("header of "+name, header)
		case ManifestFile:
			add("manifest", len(content))
		default:
			add(name, len(content))
		}
	}
	add("directory and links", int(left))
	return out, nil
}
