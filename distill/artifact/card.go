package artifact

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
)

// Card writes the data-set card, which is short so that it stays smaller than the data.
func Card(task *data.Task, m Manifest) []byte {
	var held []string
	for c, n := range m.Counts {
		if n > 0 {
			held = append(held, fmt.Sprintf("%s (%d)", task.Classes[c], n))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, distilled\n\n", m.TaskName)
	fmt.Fprintf(&b, "%d images of %s by %s: %s.\n", m.Images.Count, m.Images.shape(), m.Method.Name,
		strings.Join(held, ", "))
	switch f := m.Formation; {
	case f.Single:
		fmt.Fprintf(&b, "Each is one training image, to be enlarged %d times (bilinear, half-pixel centres).\n", f.Factor)
	case f.Factor > 1:
		fmt.Fprintf(&b, "Each holds %d x %d tiles, one training image each: cut it up and enlarge each tile %d times "+
			"(bilinear, half-pixel centres).\n", f.Factor, f.Factor, f.Factor)
	}
	fmt.Fprintf(&b, "Task space: x = (value - mean) / std, mean %v, std %v.\n", task.Mean, task.Std)
	switch p := m.Images.DType; {
	case p.IsDCT():
		fmt.Fprintf(&b, "Read: %s, levels of the first frequency coefficients, entropy-coded (docs/formats.md of "+
			"Distillmesh).\n", p)
	case p == U4:
		b.WriteString("Read: x = lo + u (hi - lo) / 15 with the range of each image, two pixels a byte, the low half " +
			"first.\n")
	case p == U8:
		b.WriteString("Read: x = lo + u (hi - lo) / 255 with the range of each image.\n")
	}
	fmt.Fprintf(&b, "Real data: %s\n", realWords(m))
	if m.Licence != "" {
		fmt.Fprintf(&b, "Licence: %s\n", m.Licence)
	}
	return []byte(b.String())
}

// Nearness names the measured distances to real samples: what decides, or both.
func (m Manifest) Nearness() string {
	switch {
	case m.NearestChanged == nil || m.NearestReal < distill.RealThreshold:
		return fmt.Sprintf("nearest_real %.4g", m.NearestReal)
	case *m.NearestChanged < distill.ChangedThreshold:
		return fmt.Sprintf("nearest_changed %.4g", *m.NearestChanged)
	}
	return fmt.Sprintf("nearest_real %.4g, nearest_changed %.4g", m.NearestReal, *m.NearestChanged)
}

// realWords says whether images count as real. The ratio has two digits after the
// point, or all digits of the manifest when two would contradict the decision.
func realWords(m Manifest) string {
	ratio := fmt.Sprintf("%.2f", m.NearestReal)
	shown, err := strconv.ParseFloat(ratio, 64)
	if err != nil || (shown < distill.RealThreshold) != (m.NearestReal < distill.RealThreshold) {
		ratio = fmt.Sprintf("%.4g", m.NearestReal)
	}
	words := fmt.Sprintf("none found (nearest_real %s; a copy is 0).", ratio)
	switch {
	case m.ContainsReal && m.NearestReal >= distill.RealThreshold:
		words = fmt.Sprintf("yes, images are or nearly are changed samples (%s).", m.Nearness())
	case m.ContainsReal:
		words = fmt.Sprintf("yes, images are or nearly are real samples (nearest_real %s).", ratio)
	}
	if m.SmallestGroup > 1 {
		words += fmt.Sprintf(" Each image averages at least %d samples.", m.SmallestGroup)
	}
	return words
}
