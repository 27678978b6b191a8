package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Setting is one value in force and where it comes from: default, file or
// environment.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// Explain lists every setting in force, given the content of the file.
func Explain(file []byte, environ []string) ([]Setting, error) {
	c, err := Parse(Default(), file)
	if err != nil {
		return nil, err
	}
	if file, err = plain(file); err != nil {
		return nil, err
	}
	var written map[string]map[string]any
	if err := toml.Unmarshal(file, &written); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := applyEnvironment(&c, environ); err != nil {
		return nil, err
	}
	var out []Setting
	walk(&c, func(key string, field reflect.Value) {
		section, name, _ := strings.Cut(key, ".")
		origin := "default"
		if _, ok := written[section][name]; ok {
			origin = "file"
		}
		if slices.ContainsFunc(environ, func(kv string) bool { return strings.HasPrefix(kv, EnvName(key)+"=") }) {
			origin = "environment"
		}
		out = append(out, Setting{Key: key, Value: fmt.Sprint(field.Interface()), Origin: origin})
	})
	return out, c.Validate()
}
