// Package plan describes a computation as data, so that a command line can build it,
// a node pass it to another process, and a queue store it.
package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// SchemaVersion is the version of plans that this program writes and reads.
const SchemaVersion = 1

// ErrInvalid means that a plan is malformed or cannot be carried out.
var ErrInvalid = errors.New("invalid plan")

// Train is the plan of a training.
type Train struct {
	Version int      `json:"schema_version"`
	Task    string   `json:"task"`           // by name or CID
	Model   string   `json:"model"`          // a name of package model, or auto
	Sets    []string `json:"sets,omitempty"` // by CID; empty for all local ones of the task
	// Held trains on local sets and fetches nothing first.
	Held bool `json:"held,omitempty"`
	// Trust trains on all sets, those too that other sets or local samples contradict.
	Trust bool   `json:"trust_all,omitempty"`
	Seed  uint64 `json:"seed"`
	// Recipe changes the recipe that the sets recommend, or else the default.
	Recipe  recipe.Patch  `json:"recipe,omitempty"`
	Device  device.Choice `json:"device,omitzero"`
	Publish bool          `json:"publish,omitempty"`
	Licence string        `json:"licence,omitempty"`
}

// Validate fails with ErrInvalid on a plan that is invalid for any sets; where the
// device is the cause, its error is wrapped too.
func (p Train) Validate() error {
	switch {
	case p.Version != SchemaVersion:
		return fmt.Errorf("%w: schema_version %d, this program reads %d", ErrInvalid, p.Version, SchemaVersion)
	case p.Task == "":
		return fmt.Errorf("%w: no task", ErrInvalid)
	case p.Model == "":
		return fmt.Errorf("%w: no model", ErrInvalid)
	case strings.ContainsFunc(p.Licence, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%w: licence %q, want one line of characters that print", ErrInvalid, p.Licence)
	}
	if err := p.Recipe.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := p.Device.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// maxBytes bounds a plan that is read: enough for more than a thousand sets.
const maxBytes = 1 << 20

// Write writes the plan as one JSON document.
func (p Train) Write(to io.Writer) error {
	p.Version = SchemaVersion
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	_, err = to.Write(append(text, '\n'))
	return err
}

// ReadTrain reads and validates the plan of a training. It fails with ErrInvalid on
// anything else, including unknown fields.
func ReadTrain(from io.Reader) (p Train, err error) {
	text, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		return p, err
	}
	if len(text) > maxBytes {
		return p, fmt.Errorf("%w: more than %d bytes", ErrInvalid, maxBytes)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return p, fmt.Errorf("%w: it is empty", ErrInvalid)
	}
	var version struct {
		Of int `json:"schema_version"`
	}
	// A later version may have fields that this program does not know: say that first.
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&version); err == nil && version.Of > SchemaVersion {
		return p, Train{Version: version.Of}.Validate()
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if rest := bytes.TrimSpace(text[dec.InputOffset():]); len(rest) > 0 {
		return p, fmt.Errorf("%w: text after the document", ErrInvalid)
	}
	return p, p.Validate()
}
