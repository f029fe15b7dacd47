//! ACLs of KafkaUsers, given to a broker as Strimzi's operator does. rdkafka has no words for it, librdkafka has.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

use learnflow_topology::{KafkaRight, KafkaUser};
use rdkafka::{
    ClientConfig,
    admin::AdminClient,
    bindings::{
        rd_kafka_AclBinding_destroy, rd_kafka_AclBinding_new, rd_kafka_AclBinding_t,
        rd_kafka_AclOperation_t as Operation, rd_kafka_AclPermissionType_t as Permission,
        rd_kafka_CreateAcls, rd_kafka_CreateAcls_result_acls, rd_kafka_ResourcePatternType_t as Pattern,
        rd_kafka_ResourceType_t as Resource, rd_kafka_acl_result_error, rd_kafka_error_string,
        rd_kafka_event_CreateAcls_result, rd_kafka_event_destroy, rd_kafka_queue_destroy, rd_kafka_queue_new,
        rd_kafka_queue_poll,
    },
    client::DefaultClientContext,
};

/// How long the broker may take, in milliseconds.
const TIMEOUT_MS: i32 = 30_000;

/// Gives every user its rights.
pub fn grant(admin: &ClientConfig, users: &[KafkaUser]) {
    let admin: AdminClient<DefaultClientContext> = admin.create().unwrap();
    let mut bindings: Vec<*mut rd_kafka_AclBinding_t> = users
        .iter()
        .flat_map(|user| user.rights.iter().map(move |right| (user, right)))
        .flat_map(|(user, right)| {
            right.operations.iter().map(move |operation| binding(user, right, operation))
        })
        .collect();
    assert!(!bindings.is_empty());
    let client = admin.inner().native_ptr();
    // SAFETY: the client outlives the queue; the bindings are valid, and librdkafka copies them.
    let (queue, event) = unsafe {
        let queue = rd_kafka_queue_new(client);
        rd_kafka_CreateAcls(client, bindings.as_mut_ptr(), bindings.len(), ptr::null(), queue);
        (queue, rd_kafka_queue_poll(queue, TIMEOUT_MS))
    };
    assert!(!event.is_null(), "the broker did not answer");
    let mut count = 0;
    // SAFETY: the event is the answer of CreateAcls, and owns the results, of which there are `count`.
    unsafe {
        let result = rd_kafka_event_CreateAcls_result(event);
        assert!(!result.is_null(), "this is the answer to something else");
        let results = rd_kafka_CreateAcls_result_acls(result, &mut count);
        for index in 0..count {
            let error = rd_kafka_acl_result_error(*results.add(index));
            assert!(error.is_null(), "{:?}", CStr::from_ptr(rd_kafka_error_string(error)));
        }
    }
    assert_eq!(count, bindings.len());
    // SAFETY: each is destroyed once, and nothing uses it afterwards.
    unsafe {
        rd_kafka_event_destroy(event);
        rd_kafka_queue_destroy(queue);
        bindings.into_iter().for_each(|binding| rd_kafka_AclBinding_destroy(binding));
    }
}

fn binding(user: &KafkaUser, right: &KafkaRight, operation: &str) -> *mut rd_kafka_AclBinding_t {
    let resource = match right.kind.as_str() {
        "topic" => Resource::RD_KAFKA_RESOURCE_TOPIC,
        "group" => Resource::RD_KAFKA_RESOURCE_GROUP,
        other => panic!("no user has rights on a {other}"),
    };
    let pattern = match right.prefix {
        true => Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        false => Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
    };
    let operation = match operation {
        "Read" => Operation::RD_KAFKA_ACL_OPERATION_READ,
        "Write" => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
        "Create" => Operation::RD_KAFKA_ACL_OPERATION_CREATE,
        "Delete" => Operation::RD_KAFKA_ACL_OPERATION_DELETE,
        "Describe" => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE,
        "DescribeConfigs" => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        other => panic!("unknown operation {other}"),
    };
    let name = CString::new(right.name.as_str()).unwrap();
    let principal = CString::new(format!("User:{}", user.name)).unwrap();
    let mut problem = [0 as c_char; 256];
    // SAFETY: all texts end with NUL and outlive the call, which copies them; `problem` has the length that is said.
    let binding = unsafe {
        rd_kafka_AclBinding_new(
            resource,
            name.as_ptr(),
            pattern,
            principal.as_ptr(),
            c"*".as_ptr(),
            operation,
            Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            problem.as_mut_ptr(),
            problem.len(),
        )
    };
    // SAFETY: librdkafka ends what it writes with NUL.
    assert!(!binding.is_null(), "{:?}", unsafe { CStr::from_ptr(problem.as_ptr()) });
    binding
}
