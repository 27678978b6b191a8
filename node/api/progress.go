package api

import "fmt"

// Progress is one step of a long operation, for display.
type Progress struct {
	Stage string `json:"stage"`           // the current stage: "fetch bafy..."
	Done  int64  `json:"done"`            // items or bytes so far
	Total int64  `json:"total,omitempty"` // 0 when unknown
	Unit  string `json:"unit,omitempty"`  // "B" for bytes, else the items' name
	// Note is a line to print and keep, such as which model is trained and why;
	// all other fields are then empty.
	Note string `json:"note,omitempty"`
}

// Report receives progress; nil is allowed everywhere.
type Report func(Progress)

// Say reports a step.
func (r Report) Say(p Progress) {
	if r != nil {
		r(p)
	}
}

// Stage reports the beginning of a stage of unknown length.
func (r Report) Stage(name string) { r.Say(Progress{Stage: name}) }

// Note reports a line to keep.
func (r Report) Note(format string, args ...any) {
	if r != nil {
		r.Say(Progress{Note: fmt.Sprintf(format, args...)})
	}
}
