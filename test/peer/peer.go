// Package peer runs what a user would otherwise run, in Python, for benchmarks
// that hold the two side by side.
package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Script is a Python script with an interpreter that has what it imports.
type Script struct {
	// AsConfigured keeps the settings of this machine that make a library take
	// the processor for an older one: what a user here would see, not what the
	// library can do.
	AsConfigured bool
	python, path string
}

// Find writes the script to a temporary file for the first interpreter that
// imports modules: the named one, or python3 of the path, or the system's. It
// returns nil when there is none. Close removes the file.
func Find(ctx context.Context, python string, script []byte, modules ...string) *Script {
	candidates := []string{"python3", "/usr/bin/python3"}
	if python != "" {
		candidates = []string{python}
	}
	for _, p := range candidates {
		if exec.CommandContext(ctx, p, "-c", "import "+strings.Join(modules, ", ")).Run() != nil {
			continue
		}
		file, err := os.CreateTemp("", "peer-*.py")
		if err != nil {
			return nil
		}
		_, err = file.Write(script)
		if file.Close() == nil && err == nil {
			return &Script{python: p, path: file.Name()}
		}
	}
	return nil
}

// Close removes the script's file.
func (s *Script) Close() error { return os.Remove(s.path) }

// Run runs the script and decodes the JSON that it prints into out. Unless
// AsConfigured, settings that make a library take the processor for an older one
// are left out.
func (s *Script) Run(ctx context.Context, out any, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, s.python, append([]string{s.path}, args...)...)
	for _, v := range append(os.Environ(), env...) {
		if name, _, _ := strings.Cut(v, "="); s.AsConfigured || name != "OPENBLAS_CORETYPE" && name != "OPENBLAS_L2_SIZE" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return Decode(cmd, out)
}

// Decode runs a command and decodes the JSON that it prints.
func Decode(cmd *exec.Cmd, out any) error {
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return json.Unmarshal(text, out)
}
