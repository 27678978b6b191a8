// Package registry lists the distillation methods of the program.
package registry

import (
	"fmt"
	"maps"
	"strings"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/distill/labelsolve"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/rded"
	"github.com/distillmesh/distillmesh/distill/ridge"
	"github.com/distillmesh/distillmesh/distill/trajectory"
)

// Methods lists every method with its default settings, in the order in which
// they are shown.
func Methods() []distill.Method {
	return []distill.Method{match.DefaultDM(), match.DefaultDSA(), match.DefaultDC(), trajectory.DefaultATT(),
		trajectory.DefaultMTT(), trajectory.DefaultTESLA(), kip.Default(), labelsolve.Default(), ridge.Default(),
		coreset.DefaultClusters(), coreset.DefaultGMM(), rded.Default(),
		coreset.Herding{}, coreset.KCenter{}, coreset.Random{}}
}

// Method finds one by name.
func Method(name string) (distill.Method, error) {
	var names []string
	for _, m := range Methods() {
		if m.Name() == name {
			return m, nil
		}
		names = append(names, m.Name())
	}
	return nil, fmt.Errorf("method %q: %w, have %s", name, distill.ErrUnknown, strings.Join(names, ", "))
}

// Changed are the settings of a method that differ from its defaults, if they
// reproduce it; else all settings, since one setting can decide others.
func Changed(m distill.Method) map[string]string {
	usual, err := Method(m.Name())
	if err != nil {
		return m.Settings()
	}
	out := map[string]string{}
	defaults := usual.Settings()
	for name, value := range m.Settings() {
		if defaults[name] != value {
			out[name] = value
		}
	}
	if again, err := usual.With(out); err != nil || !maps.Equal(again.Settings(), m.Settings()) {
		return m.Settings()
	}
	return out
}

// Split reads NAME:SETTING=VALUE:..., each setting once, the form of a method
// with settings on the command line.
func Split(label string) (name string, settings map[string]string, err error) {
	words := strings.Split(label, ":")
	settings = map[string]string{}
	for _, w := range words[1:] {
		setting, value, ok := strings.Cut(w, "=")
		if _, twice := settings[setting]; !ok || twice {
			return "", nil, fmt.Errorf("method %q: write NAME:SETTING=VALUE:..., each setting once", label)
		}
		settings[setting] = value
	}
	return words[0], settings, nil
}
