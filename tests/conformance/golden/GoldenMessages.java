import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;
import java.util.jar.JarFile;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes golden bytes: what Apache Kafka's own generated classes make of every message in every version.
 *
 * <p>{@code java -cp 'LIBS/*' GoldenMessages.java LIBS OUT.jsonl.gz}. Each line is a message in a version:
 * {@code {"message", "version", "cases": {case: {"json", "hex"} | {"error"}}, "refused": [path], "ignored": [path]}}.
 * The JSON is that of Kafka's JsonConverter classes. Cases: {@code default} (as constructed), {@code full} (every
 * field of the version set, two elements an array), {@code null} (full, but null wherever that can be written),
 * {@code unknown} (full, with the unknown tagged fields 7001 and 7002 in every struct). {@code refused} and
 * {@code ignored} are fields of other versions: setting one is an error there, or makes no difference.
 */
public class GoldenMessages {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static int counter;

    public static void main(String[] args) throws Exception {
        TreeMap<String, Class<?>> classes = messageClasses(new File(args[0]));
        try (Writer out = new OutputStreamWriter(new GZIPOutputStream(new FileOutputStream(args[1])), StandardCharsets.UTF_8)) {
            for (Class<?> type : classes.values()) {
                Message any = (Message) type.getDeclaredConstructor().newInstance();
                for (short version = any.lowestSupportedVersion(); version <= any.highestSupportedVersion(); version++) {
                    out.write(JSON.writeValueAsString(line(type, version)));
                    out.write('\n');
                }
            }
        }
    }

    /** The messages, found by their JSON converters; removed APIs have classes without versions. */
    private static TreeMap<String, Class<?>> messageClasses(File libs) throws Exception {
        TreeMap<String, Class<?>> found = new TreeMap<>();
        for (File file : libs.listFiles((dir, name) -> name.startsWith("kafka-") && name.endsWith(".jar"))) {
            try (JarFile jar = new JarFile(file)) {
                for (String entry : (Iterable<String>) jar.stream().map(e -> e.getName())::iterator) {
                    if (entry.endsWith("JsonConverter.class") && !entry.contains("$")) {
                        String name = entry.replace("JsonConverter.class", "").replace('/', '.');
                        found.put(name.substring(name.lastIndexOf('.') + 1), Class.forName(name));
                    }
                }
            }
        }
        return found;
    }

    private static ObjectNode line(Class<?> type, short version) throws Exception {
        ObjectNode line = JSON.createObjectNode();
        line.put("message", type.getSimpleName());
        line.put("version", version);
        ObjectNode cases = line.putObject("cases");
        cases.set("default", serialized((Message) type.getDeclaredConstructor().newInstance(), version));
        cases.set("full", serialized(filled(type, version), version));
        Message nulls = filled(type, version);
        setNulls(nulls, nulls, version);
        cases.set("null", serialized(nulls, version));
        Message unknown = filled(type, version);
        addUnknown(unknown, version);
        cases.set("unknown", serialized(unknown, version));
        misplace(type, version, line.putArray("refused"), line.putArray("ignored"));
        return line;
    }

    private static ObjectNode serialized(Message message, short version) throws Exception {
        ObjectNode node = JSON.createObjectNode();
        try {
            node.put("hex", HexFormat.of().formatHex(bytes(message, version)));
        } catch (UnsupportedVersionException | NullPointerException e) {
            return node.put("error", e.getClass().getSimpleName());
        }
        Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
        node.set("json", (JsonNode) converter.getMethod("write", message.getClass(), short.class, boolean.class)
            .invoke(null, message, version, false));
        return node;
    }

    private static byte[] bytes(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) throw new IllegalStateException("size and bytes differ");
        return buffer.array();
    }

    private static Message filled(Class<?> type, short version) throws Exception {
        counter = 0;
        return fill(type, version);
    }

    /** A struct with every field of the version set to something that isn't its default. */
    private static Message fill(Class<?> type, short version) throws Exception {
        Message made = (Message) type.getDeclaredConstructor().newInstance();
        for (var entry : schemaFields(type, version).entrySet()) {
            Field field = javaField(type, entry.getKey());
            field.set(made, value(field, field.get(made), entry.getValue(), version));
        }
        return made;
    }

    /** Schema name of each field in the version, tagged ones included, to the name of its type. */
    private static TreeMap<String, String> schemaFields(Class<?> type, short version) throws Exception {
        TreeMap<String, String> found = new TreeMap<>();
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        if (version >= schemas.length || schemas[version] == null) return found;
        for (BoundField bound : schemas[version].fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                tagged.fields().values().forEach(field -> found.put(field.name, field.type.toString()));
            } else {
                found.put(bound.def.name, bound.def.type.toString());
            }
        }
        return found;
    }

    private static Field javaField(Class<?> type, String schemaName) {
        for (Field field : ownFields(type)) {
            if (field.getName().equalsIgnoreCase(schemaName.replace("_", ""))) return field;
        }
        throw new IllegalStateException(type + " has no field for " + schemaName);
    }

    private static List<Field> ownFields(Class<?> type) {
        List<Field> found = new ArrayList<>();
        for (Field field : type.getDeclaredFields()) {
            String name = field.getName();
            if (Modifier.isStatic(field.getModifiers()) || name.equals("_unknownTaggedFields")) continue;
            if (name.equals("next") || name.equals("prev")) continue;
            field.setAccessible(true);
            found.add(field);
        }
        return found;
    }

    private static Object value(Field field, Object standard, String schemaType, short version) throws Exception {
        Class<?> type = field.getType();
        if (Collection.class.isAssignableFrom(type)) return elements(field, version);
        if (Message.class.isAssignableFrom(type)) return fill(type, version);
        Object made = scalar(type, schemaType);
        return made.equals(standard) ? scalar(type, schemaType) : made;
    }

    @SuppressWarnings("unchecked")
    private static Object elements(Field field, short version) throws Exception {
        Class<?> element = elementType(field);
        boolean plainList = field.getType() == List.class;
        Collection<Object> made = plainList
            ? new ArrayList<>() : (Collection<Object>) field.getType().getDeclaredConstructor().newInstance();
        for (int i = 0; i < 2; i++) {
            made.add(Message.class.isAssignableFrom(element) ? fill(element, version) : scalar(element, ""));
        }
        return made;
    }

    /** Of a list its argument; of Kafka's keyed collections the class that they are named for. */
    private static Class<?> elementType(Field field) throws Exception {
        if (field.getGenericType() instanceof ParameterizedType generic) {
            return (Class<?>) generic.getActualTypeArguments()[0];
        }
        return Class.forName(field.getType().getName().replaceAll("Collection$", ""));
    }

    private static Object scalar(Class<?> type, String schemaType) {
        int n = ++counter;
        if (type == boolean.class || type == Boolean.class) return n % 2 == 0;
        if (type == byte.class || type == Byte.class) return (byte) (n % 2 == 0 ? n % 100 + 1 : -(n % 100) - 2);
        if (type == short.class || type == Short.class) return (short) (n % 3 == 0 ? -3 - n : 300 + n);
        if (type == int.class || type == Integer.class) {
            return schemaType.equals("UINT16") ? 65535 - n : n % 3 == 0 ? Integer.MIN_VALUE + n + 7 : 100000 + n;
        }
        if (type == long.class || type == Long.class) {
            return schemaType.equals("UINT32") ? 4294967295L - n : n % 3 == 0 ? Long.MIN_VALUE + n : (1L << 40) + n;
        }
        if (type == double.class || type == Double.class) return n + 0.25;
        if (type == String.class) return (n % 4 == 0 ? "long-" + "é".repeat(100) : n % 4 == 1 ? "λ-" : "s-") + n;
        if (type == Uuid.class) return new Uuid(0x0123456789abcdefL * n, ~(long) n << 3);
        byte[] pattern = new byte[n % 5 == 0 ? 150 + n : n % 20 + 1];
        for (int i = 0; i < pattern.length; i++) pattern[i] = (byte) (i * 7 + 3);
        if (type == byte[].class) return pattern;
        if (type == ByteBuffer.class) return ByteBuffer.wrap(pattern);
        return MemoryRecords.readableRecords(ByteBuffer.wrap(pattern));
    }

    private static List<Message> inner(Field field, Object owner) throws Exception {
        List<Message> found = new ArrayList<>();
        if (field.get(owner) instanceof Message message) found.add(message);
        if (field.get(owner) instanceof Collection<?> all) {
            for (Object each : all) if (each instanceof Message message) found.add(message);
        }
        return found;
    }

    /** Null in every field that can be written so in this version, the innermost first. */
    private static void setNulls(Message whole, Message part, short version) throws Exception {
        var present = schemaFields(part.getClass(), version);
        for (String name : present.keySet()) {
            Field field = javaField(part.getClass(), name);
            for (Message each : inner(field, part)) setNulls(whole, each, version);
            if (field.getType().isPrimitive()) continue;
            Object before = field.get(part);
            field.set(part, null);
            try {
                bytes(whole, version);
            } catch (NullPointerException e) {
                field.set(part, before);
            }
        }
    }

    private static void addUnknown(Message part, short version) throws Exception {
        for (String name : schemaFields(part.getClass(), version).keySet()) {
            for (Message each : inner(javaField(part.getClass(), name), part)) addUnknown(each, version);
        }
        part.unknownTaggedFields().add(new RawTaggedField(7001, new byte[] {1, 2, 3}));
        part.unknownTaggedFields().add(new RawTaggedField(7002, new byte[0]));
    }

    private static void misplace(Class<?> type, short version, ArrayNode refused, ArrayNode ignored) throws Exception {
        byte[] usual = bytes(filled(type, version), version);
        for (String path : absentPaths(type, version, "")) {
            Message message = filled(type, version);
            setAt(message, path.split("\\."), 0, version);
            try {
                if (!java.util.Arrays.equals(usual, bytes(message, version))) {
                    throw new IllegalStateException(path + " of " + type + " changed what is written");
                }
                ignored.add(path);
            } catch (UnsupportedVersionException e) {
                refused.add(path);
            }
        }
    }

    private static List<String> absentPaths(Class<?> type, short version, String prefix) throws Exception {
        List<String> found = new ArrayList<>();
        var present = schemaFields(type, version);
        for (Field field : ownFields(type)) {
            boolean isThere = present.keySet().stream().anyMatch(n -> n.replace("_", "").equalsIgnoreCase(field.getName()));
            Class<?> part = Collection.class.isAssignableFrom(field.getType()) ? elementType(field) : field.getType();
            if (!isThere) {
                found.add(prefix + field.getName());
            } else if (Message.class.isAssignableFrom(part)) {
                found.addAll(absentPaths(part, version, prefix + field.getName() + "."));
            }
        }
        return found;
    }

    private static void setAt(Message part, String[] path, int depth, short version) throws Exception {
        Field field = part.getClass().getDeclaredField(path[depth]);
        field.setAccessible(true);
        if (depth < path.length - 1) {
            for (Message each : inner(field, part)) setAt(each, path, depth + 1, version);
            return;
        }
        Schema[] schemas = (Schema[]) part.getClass().getField("SCHEMAS").get(null);
        short elsewhere = (short) (schemas.length - 1);
        while (elsewhere > 0 && schemaFields(part.getClass(), elsewhere).keySet().stream()
            .noneMatch(n -> n.replace("_", "").equalsIgnoreCase(field.getName()))) elsewhere--;
        String schemaType = schemaFields(part.getClass(), elsewhere).entrySet().stream()
            .filter(e -> e.getKey().replace("_", "").equalsIgnoreCase(field.getName()))
            .map(e -> e.getValue()).findFirst().orElse("");
        field.set(part, value(field, field.get(part), schemaType, elsewhere));
    }
}
