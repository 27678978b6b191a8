package files

// Kinds of a Feature.
const (
	NumberKind  = ""        // a number as it is
	BooleanKind = "boolean" // 0 for false, 1 for true
	DateKind    = "date"    // seconds since 1970-01-01 UTC
	OneHotKind  = "onehot"  // a value of 0 or 1 for each of its levels
)

// Feature is one column of a table: as a task stores it, and other devices find
// it again.
type Feature struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind,omitempty"`
	Levels []string `json:"levels,omitempty"` // of OneHotKind, in order
}

// Width is how many values of a sample a feature takes.
func (f Feature) Width() int {
	if f.Kind == OneHotKind {
		return len(f.Levels)
	}
	return 1
}

// FeatureWidth is how many values of a sample some features take.
func FeatureWidth(features []Feature) int {
	n := 0
	for _, f := range features {
		n += f.Width()
	}
	return n
}
