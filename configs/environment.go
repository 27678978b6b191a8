package configs

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// envPrefix starts the environment variables: mesh.name is
// DISTILLMESH_MESH_NAME.
const envPrefix = "DISTILLMESH_"

// Keys lists every key as section.key, sorted.
func Keys() []string {
	var out []string
	walk(&Config{}, func(key string, _ reflect.Value) { out = append(out, key) })
	slices.Sort(out)
	return out
}

// EnvName is the environment variable of a key.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// walk visits the fields of every section.
func walk(c *Config, visit func(key string, field reflect.Value)) {
	root := reflect.ValueOf(c).Elem()
	for i := range root.NumField() {
		section := root.Field(i)
		for j := range section.NumField() {
			key := root.Type().Field(i).Tag.Get("toml") + "." + section.Type().Field(j).Tag.Get("toml")
			visit(key, section.Field(j))
		}
	}
}

// applyEnvironment overrides fields from KEY=VALUE strings. Variables that begin
// with a section must name one of its keys; others with the prefix
// (DISTILLMESH_PATH, ...) are not settings.
func applyEnvironment(c *Config, environ []string) (err error) {
	values := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			values[name] = value
		}
	}
	names, sections := map[string]bool{}, map[string]bool{}
	for _, key := range Keys() {
		section, _, _ := strings.Cut(key, ".")
		names[EnvName(key)], sections[strings.ToUpper(section)] = true, true
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		rest, ours := strings.CutPrefix(name, envPrefix)
		section, key, ok := strings.Cut(rest, "_")
		if ours && ok && sections[section] && !names[name] {
			near := nearestKey(strings.ToLower(section + "." + key))
			return fmt.Errorf("%w: environment variable %s is no setting; did you mean %s?", ErrInvalid, name, EnvName(near))
		}
	}
	walk(c, func(key string, field reflect.Value) {
		value, ok := values[EnvName(key)]
		if !ok || err != nil {
			return
		}
		if e := setText(field, value); e != nil {
			err = fmt.Errorf("%w: %s=%s: %w", ErrInvalid, EnvName(key), value, e)
		}
	})
	return err
}

// setText parses a value as the field's type; lists are separated by commas.
func setText(field reflect.Value, value string) error {
	if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(value))
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(value)
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		field.SetBool(b)
		return err
	case reflect.Int:
		n, err := strconv.Atoi(value)
		field.SetInt(int64(n))
		return err
	case reflect.Slice:
		list := []string{}
		if value != "" {
			list = strings.Split(value, ",")
		}
		field.Set(reflect.ValueOf(list))
	}
	return nil
}

// nearestKey is the known key with the least edit distance.
func nearestKey(key string) string {
	best, at := len(key)+64, ""
	for _, k := range Keys() {
		if d := levenshtein.ComputeDistance(key, k); d < best {
			best, at = d, k
		}
	}
	return at
}
