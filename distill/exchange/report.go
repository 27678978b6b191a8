package exchange

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Lines tells as text what was read and what was assumed, one fact a line.
func (f *Foreign) Lines() []string {
	labels := "hard labels"
	if f.Samples.Soft != nil {
		labels = "soft labels"
	}
	out := []string{fmt.Sprintf("%s: %s, %d images of %v in %d classes of task %s, %s", f.Path, f.Kind, f.Samples.Len(),
		f.Samples.Shape, len(f.Samples.Held()), f.Task.Name, labels)}
	for _, s := range f.Skipped {
		out = append(out, fmt.Sprintf("not read: %d, %s: %s", s.Count, s.Why, strings.Join(s.First, ", ")))
	}
	return append(out, noteLines(f.Notes)...)
}

// noteLines are notes as text, with the flags that decide what was assumed.
func noteLines(notes []files.Note) (out []string) {
	for _, n := range notes {
		text := n.Text
		if n.Level == files.Warning {
			text = "warning (" + n.Code + "): " + text
		}
		switch {
		case n.Flag == "":
		case n.Level == files.Assumed:
			text += " (decided by " + n.Flag + ")"
		default:
			text += " (" + n.Flag + ")"
		}
		out = append(out, text)
	}
	return out
}
