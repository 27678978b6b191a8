package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Patch is a change of a recipe: a JSON object with those fields of a Recipe, by
// their names in JSON, that it sets. Nil changes nothing.
type Patch json.RawMessage

// NewPatch is the patch that sets the named fields to what they are in r. It fails on
// names that a recipe does not have, and on values that are not finite.
func NewPatch(r Recipe, fields ...string) (Patch, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	for name, v := range map[string]float64{"lr": r.LR, "momentum": r.Momentum, "weight_decay": r.WeightDecay,
		"elastic": r.Elastic, "cutmix": r.CutMix, "smooth": r.Smooth, "drop": r.Drop, "mix_beta": r.MixBeta} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("recipe %s: %v, want a finite number", name, v)
		}
	}
	all, err := json.Marshal(withZeros(r))
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(all, &values); err != nil {
		return nil, err
	}
	set := map[string]json.RawMessage{}
	for _, name := range fields {
		v, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("recipe: no field %q", name)
		}
		set[name] = v
	}
	return json.Marshal(set)
}

// withZeros is the recipe as a value whose zero fields JSON writes too.
func withZeros(r Recipe) any {
	return struct {
		Optimizer   string  `json:"optimizer"`
		LR          float64 `json:"lr"`
		Schedule    string  `json:"schedule"`
		Drop        float64 `json:"drop"`
		Momentum    float64 `json:"momentum"`
		WeightDecay float64 `json:"weight_decay"`
		Batch       int     `json:"batch"`
		Epochs      int     `json:"epochs"`
		MinSteps    int     `json:"min_steps"`
		MaxSteps    int     `json:"max_steps"`
		Augment     string  `json:"augment"`
		Elastic     float64 `json:"elastic"`
		CutMix      float64 `json:"cutmix"`
		Mix         string  `json:"mix"`
		MixBeta     float64 `json:"mix_beta"`
		Smooth      float64 `json:"smooth"`
		Coarse      int     `json:"coarse"`
		Band        int     `json:"band"`
	}(r)
}

// Apply is the recipe with the patch applied. If the patch sets only one of
// MinSteps and MaxSteps, the other is adjusted to it. It fails on a patch that is
// no object of a recipe's fields; Validate checks the result.
func (p Patch) Apply(r Recipe) (Recipe, error) {
	if len(p) == 0 {
		return r, nil
	}
	dec := json.NewDecoder(bytes.NewReader(p))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("recipe patch: %w", err)
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal(p, &set); err != nil {
		return r, fmt.Errorf("recipe patch: %w", err)
	}
	_, least := set["min_steps"]
	_, most := set["max_steps"]
	if r.MaxSteps > 0 && most && !least {
		r.MinSteps = min(r.MinSteps, r.MaxSteps)
	}
	if r.MaxSteps > 0 && least && !most {
		r.MaxSteps = max(r.MinSteps, r.MaxSteps)
	}
	return r, nil
}

// Check fails unless the patch makes a valid recipe of the default, or, if it sets a
// momentum and no optimizer, of the same for SGD, which sets may recommend.
func (p Patch) Check() error {
	usual := Default()
	var set struct{ Optimizer, Momentum json.RawMessage }
	if json.Unmarshal(p, &set) == nil && set.Momentum != nil && set.Optimizer == nil {
		usual.Optimizer = SGD
	}
	r, err := p.Apply(usual)
	if err != nil {
		return err
	}
	return r.Validate()
}

// MarshalJSON implements json.Marshaler.
func (p Patch) MarshalJSON() ([]byte, error) {
	if len(p) == 0 {
		return []byte("null"), nil
	}
	return p, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Patch) UnmarshalJSON(text []byte) error {
	if *p = nil; !bytes.Equal(text, []byte("null")) {
		*p = bytes.Clone(text)
	}
	return nil
}
